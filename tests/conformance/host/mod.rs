//! The real host: its binary as a process, requests over sockets, an upstream that listens.

mod client;

use std::collections::BTreeMap;

use harness::manifest::{component_at, guest, host_binary, manifest};
use harness::{Host, Setup};

use crate::case::{self, Need, Request};
use crate::load::Loaded;
use crate::origin::{Origin, Ticket};
use crate::shell::{Flight, Running, Seen, Shell};
use client::Client;

/// The function that gives back what it gets.
const ECHO: &str = "echo";

/// The host.
pub struct HostShell;

impl Shell for HostShell {
    fn name(&self) -> &'static str {
        "host"
    }

    fn lacks(&self, need: Need) -> Option<&'static str> {
        match need {
            Need::ExactTime => Some("its clock is the machine's"),
            Need::SilentNetwork => Some("no address of a test machine is sure to stay silent"),
            _ => None,
        }
    }

    fn misses(&self, case: &Loaded) -> Option<String> {
        let binary = host_binary();
        if !binary.is_file() {
            return Some(format!("needs {}: cargo build --bin tidegate", binary.display()));
        }
        let guest = guest(ECHO);
        let is_missing = case.case.all_needs().contains(&Need::Function) && !guest.is_file();
        is_missing.then(|| format!("needs {}: make guests", guest.display()))
    }

    fn start(&self, case: &Loaded) -> Box<dyn Running> {
        let has_function = case.case.all_needs().contains(&Need::Function);
        let application = if has_function {
            component_at("/...", ECHO, &format!("guest:{ECHO}"))
        } else {
            // An application needs a trigger.
            "[[trigger.http]]\nroute = \"/unused\"\nstatic_response = { body = \"unused\" }\n".to_owned()
        };
        let origin = Origin::reserve();
        let variables = BTreeMap::from([
            ("ORIGIN", format!("http://{}", origin.address)),
            ("ORIGIN_HOST", origin.address.to_string()),
        ]);
        let is_ipv6 = case.case.exchanges.iter().any(|exchange| exchange.request.from.is_ipv6());
        let listen = if is_ipv6 { "[::1]:0" } else { "127.0.0.1:0" };
        // The name stands in messages, with the lines of the case.
        let mut setup = Setup::new(manifest(&application)).file("case.toml", &case.edge).listen(listen);
        for (name, value) in &variables {
            setup = setup.environment(name, value);
        }
        let edge = setup.folder().join("case.toml");
        let edge = edge.to_str().expect("a temporary folder has a plain name").to_owned();
        let host = setup.arguments(["--edge", &edge, "--cores", "1"]).start();
        Box::new(RunningHost { host, origin, variables })
    }
}

/// The host goes before the upstream: what is still open between them ends with it.
struct RunningHost {
    host: Host,
    origin: Origin,
    variables: BTreeMap<&'static str, String>,
}

impl Running for RunningHost {
    fn variables(&self) -> BTreeMap<&'static str, String> {
        self.variables.clone()
    }

    fn begin(&mut self, request: &Request, origin: &[case::Origin], is_held: bool) -> Box<dyn Flight> {
        let tunnel_length = request.tunnel.as_ref().map_or(0, String::len);
        let ticket = self.origin.expect(origin, tunnel_length, is_held);
        let client = Client::send(self.host.address, request);
        if is_held {
            ticket.wait_for_request();
        }
        Box::new(HostFlight { client, ticket })
    }
}

struct HostFlight {
    client: Client,
    ticket: Ticket,
}

impl Flight for HostFlight {
    fn finish(self: Box<Self>) -> Seen {
        self.ticket.release();
        let response = self.client.receive();
        Seen { sent: self.ticket.take(), response }
    }
}
