//! Sockets, which no manifest grants: by WASI 0.3, and by WASI 0.2, which every component may import too.

use spin_sdk::wasip3::sockets::ip_name_lookup::resolve_addresses;
use spin_sdk::wasip3::sockets::types::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, TcpSocket, UdpSocket};
use wasip2::sockets as p2;

use super::{Found, Query};

const LOOPBACK: (u8, u8, u8, u8) = (127, 0, 0, 1);

pub async fn run(what: &str, query: &Query) -> Found {
    let port = query.optional("port").map_or(0, |port| port.parse().unwrap());
    let address = IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: LOOPBACK });
    match what {
        "connect" => {
            let socket = TcpSocket::create(IpAddressFamily::Ipv4).map_err(|error| format!("{error:?}"))?;
            let connected = socket.connect(address).await;
            connected.map(|()| "connected".to_owned()).map_err(|error| format!("{error:?}"))
        }
        "listen" => {
            let socket = TcpSocket::create(IpAddressFamily::Ipv4).map_err(|error| format!("{error:?}"))?;
            socket.bind(address).map_err(|error| format!("{error:?}"))?;
            socket.listen().map(|_| "listening".to_owned()).map_err(|error| format!("{error:?}"))
        }
        "udp" => {
            let socket = UdpSocket::create(IpAddressFamily::Ipv4).map_err(|error| format!("{error:?}"))?;
            socket.bind(address).map(|()| "bound".to_owned()).map_err(|error| format!("{error:?}"))
        }
        "resolve" => {
            let found = resolve_addresses("localhost".to_owned()).await;
            found.map(|addresses| format!("{addresses:?}")).map_err(|error| format!("{error:?}"))
        }
        "connect-p2" => connect_p2(port).map_err(|error| format!("{error:?}")),
        _ => Err("no such thing".to_owned()),
    }
}

fn connect_p2(port: u16) -> Result<String, p2::network::ErrorCode> {
    use p2::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
    let network = p2::instance_network::instance_network();
    let socket = p2::tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4)?;
    socket.start_connect(&network, IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: LOOPBACK }))?;
    socket.subscribe().block();
    socket.finish_connect().map(|_| "connected".to_owned())
}
