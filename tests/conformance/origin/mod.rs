//! The scripted upstream: it does with each request what a case says, byte by byte, and keeps what it got.

mod connection;
mod script;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::net::{AddressFamily, SocketAddrAny, SocketType};

use script::Scripts;
pub use script::Ticket;

use crate::{case, shell};

/// An upstream that runs while this lives.
pub struct Origin {
    /// Where it is, once it listens.
    pub address: SocketAddr,
    scripts: Arc<Scripts>,
    /// Its address is taken, and nobody listens there yet.
    reserved: Option<OwnedFd>,
}

impl Origin {
    /// An upstream at a free address, at which nobody listens yet: connections are refused.
    ///
    /// # Panics
    /// When there is none.
    pub fn reserve() -> Self {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        rustix::net::bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        let name: SocketAddrAny = rustix::net::getsockname(&socket).expect("an address");
        let address = SocketAddr::try_from(name).expect("an internet address");
        Self { address, scripts: Arc::default(), reserved: Some(socket) }
    }

    /// Has it do this with the requests that come next; what is held is answered when it is told.
    pub fn expect(&mut self, script: &shell::Script, tunnel_length: usize) -> Ticket {
        // It listens for what must not come as well.
        if script.origin.iter().chain(&script.later).all(case::Origin::is_up) {
            self.listen();
        }
        self.scripts.push(script, tunnel_length)
    }

    fn listen(&mut self) {
        let Some(socket) = self.reserved.take() else { return };
        rustix::net::listen(&socket, 128).expect("a socket with an address");
        let listener = TcpListener::from(socket);
        let scripts = Arc::clone(&self.scripts);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                if scripts.is_stopped() {
                    return;
                }
                let scripts = Arc::clone(&scripts);
                std::thread::spawn(move || connection::serve(stream, &scripts));
            }
        });
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.scripts.stop();
        if self.reserved.is_none() {
            // Wakes the thread that accepts.
            let _ = TcpStream::connect(self.address);
        }
    }
}
