//! The real host: its binary as a process, requests over sockets, an upstream that listens.

mod client;
mod redis;

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

use harness::manifest::{component_at, guest, host_binary, manifest};
use harness::{Host, Setup};

use crate::case::{Need, Purge, Request};
use crate::load::Loaded;
use crate::origin::{Origin, Ticket};
use crate::shell::{Flight, Running, Script, Seen, Shell};
use crate::wire::{Wire, head_bytes};
use client::Client;
use redis::Redis;

/// The function that gives back what it gets.
const ECHO: &str = "echo";

/// How long something may take that cannot be seen.
const SETTLING: Duration = Duration::from_millis(150);

/// The host.
pub struct HostShell;

impl Shell for HostShell {
    fn name(&self) -> &'static str {
        "host"
    }

    fn lacks(&self, need: Need) -> Option<&'static str> {
        match need {
            Need::ExactTime => Some("its clock is the machine's"),
            Need::Time => Some("its clock is the machine's, and nobody waits that long"),
            Need::SilentNetwork => Some("no address of a test machine is sure to stay silent"),
            _ => None,
        }
    }

    fn misses(&self, case: &Loaded) -> Option<String> {
        let binary = host_binary();
        if !binary.is_file() {
            return Some(format!("needs {}: cargo build --bin tidegate", binary.display()));
        }
        let needs = case.case.all_needs();
        if needs.contains(&Need::Redis) && Redis::binary().is_none() {
            return Some("needs redis-server".to_owned());
        }
        let guest = guest(ECHO);
        let is_missing = needs.contains(&Need::Function) && !guest.is_file();
        is_missing.then(|| format!("needs {}: make guests", guest.display()))
    }

    fn start(&self, case: &Loaded) -> Box<dyn Running> {
        let needs = case.case.all_needs();
        let has_function = needs.contains(&Need::Function);
        let application = if has_function {
            component_at("/...", ECHO, &format!("guest:{ECHO}"))
        } else {
            // An application needs a trigger.
            "[[trigger.http]]\nroute = \"/unused\"\nstatic_response = { body = \"unused\" }\n".to_owned()
        };
        let origin = Origin::reserve();
        let redis = needs.contains(&Need::Redis).then(Redis::start);
        let mut variables = BTreeMap::from([
            ("ORIGIN", format!("http://{}", origin.address)),
            ("ORIGIN_HOST", origin.address.to_string()),
        ]);
        variables.extend(redis.as_ref().map(|redis| ("REDIS", redis.url())));
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
        let beginning = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock that is set");
        Box::new(RunningHost { host, origin, _redis: redis, variables, beginning_s: beginning.as_secs() })
    }
}

/// The host goes before the upstream: what is still open between them ends with it.
struct RunningHost {
    host: Host,
    origin: Origin,
    /// It ends with the case.
    _redis: Option<Redis>,
    variables: BTreeMap<&'static str, String>,
    beginning_s: u64,
}

impl Running for RunningHost {
    fn variables(&self) -> BTreeMap<&'static str, String> {
        self.variables.clone()
    }

    fn beginning_s(&self) -> u64 {
        self.beginning_s
    }

    fn begin(&mut self, request: &Request, script: Script) -> Box<dyn Flight> {
        let tunnel_length = request.tunnel.as_ref().map_or(0, String::len);
        let ticket = self.origin.expect(&script, tunnel_length);
        let client = Client::send(self.host.address, request);
        if script.is_held {
            ticket.wait_for_request();
        }
        Box::new(HostFlight { client, ticket, leaves: request.leaves })
    }

    fn advance(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn settle(&mut self) {
        // Nothing tells from outside that a request waits for another one.
        std::thread::sleep(SETTLING);
    }

    fn purge(&mut self, purge: &Purge) {
        let order = serde_json::to_vec(purge).expect("texts and flags");
        let stream = TcpStream::connect(self.host.admin).expect("an admin side that listens");
        let mut wire = Wire::new(stream);
        let fields = [
            ("host", self.host.admin.to_string()),
            ("content-type", "application/json".to_owned()),
            ("content-length", order.len().to_string()),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value)).to_vec();
        wire.send(&[head_bytes("POST /purge HTTP/1.1", &fields), order].concat());
        let head = wire.head().expect("a response").expect("a response");
        assert!(head.line.starts_with("HTTP/1.1 200 "), "the admin side refuses to purge: {head:?}");
    }
}

struct HostFlight {
    client: Client,
    ticket: Ticket,
    leaves: bool,
}

impl Flight for HostFlight {
    fn finish(self: Box<Self>) -> Seen {
        let Self { client, ticket, leaves } = *self;
        let response = if leaves {
            drop(client);
            // The host notices that by itself; the upstream stays silent meanwhile.
            std::thread::sleep(SETTLING);
            ticket.release();
            Err("the client is gone".to_owned())
        } else {
            ticket.release();
            client.receive()
        };
        ticket.responded();
        let (sent, later) = ticket.take();
        Seen { sent, later, response }
    }
}
