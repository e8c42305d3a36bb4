//! An instance of a WASI 0.3 component: made for one request, kept for the next ones, one at a time.
//!
//! It is one future that lives as long as the instance: requests are laid on its desk, and whoever waits for a
//! response polls it. So a warm request sets nothing up and needs no task of its own.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http::{Request, Response};
use wasmtime::component::Accessor;
use wasmtime::{AsContextMut, Store};
use wasmtime_wasi_http::p3::bindings::{Service, ServicePre};
use wasmtime_wasi_http::{FieldMap, WasiBody, WasiHttpView, p3};

use super::fault::Fault;
use super::permit::Permit;
use super::state::State;
use super::target::Journey;
use crate::server::body::RequestBody;

/// A request on its way to an instance.
pub struct Job {
    /// The request.
    pub request: Request<RequestBody>,
    /// What it brings along.
    pub journey: Journey,
}

/// Where an instance and whoever polls it leave things for each other.
#[derive(Default)]
pub struct Desk(Mutex<Papers>);

#[derive(Default)]
struct Papers {
    job: Option<Job>,
    response: Option<Response<WasiBody>>,
    /// The job is done, later work included.
    is_done: bool,
}

impl Desk {
    fn papers(&self) -> MutexGuard<'_, Papers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves the response.
    pub fn put_response(&self, response: Response<WasiBody>) {
        self.papers().response = Some(response);
    }

    /// The response, once it is there.
    pub fn take_response(&self) -> Option<Response<WasiBody>> {
        self.papers().response.take()
    }
}

/// A live instance.
pub struct Instance {
    /// Pending for as long as the instance can take requests.
    run: Pin<Box<dyn Future<Output = Fault> + Send>>,
    desk: Arc<Desk>,
    requests_served: u32,
    /// Its place among the host's instances.
    _place: Permit,
}

impl Instance {
    /// An instance that will be made in `store` when it is first polled.
    pub fn new(store: Store<State>, pre: ServicePre<State>, place: Permit) -> Self {
        let desk = Arc::new(Desk::default());
        Self { run: Box::pin(run(store, pre, Arc::clone(&desk))), desk, requests_served: 0, _place: place }
    }

    /// Gives it a request. It has to be done with the one before.
    pub fn start(&mut self, job: Job) {
        self.requests_served += 1;
        *self.desk.papers() = Papers { job: Some(job), response: None, is_done: false };
    }

    /// Runs it. Ready when all work on its request is done, or the instance is no more.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        match self.run.as_mut().poll(context) {
            Poll::Ready(fault) => Poll::Ready(Err(fault)),
            Poll::Pending if self.desk.papers().is_done => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Where its responses are.
    pub fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// How many requests it was given so far.
    pub fn requests_served(&self) -> u32 {
        self.requests_served
    }
}

async fn run(mut store: Store<State>, pre: ServicePre<State>, desk: Arc<Desk>) -> Fault {
    let service = match pre.instantiate_async(&mut store).await {
        Ok(service) => service,
        Err(error) => return Fault::of_instantiation(&error),
    };
    let outcome = store.run_concurrent(async |accessor| serve(accessor, &service, &desk).await).await;
    match outcome {
        Ok(Ok(never)) => match never {},
        Ok(Err(error)) | Err(error) => Fault::of_run(&error, store.data()),
    }
}

/// Answers the requests on the desk, until one fails.
async fn serve(accessor: &Accessor<State>, service: &Service, desk: &Desk) -> wasmtime::Result<Infallible> {
    loop {
        // Whoever lays a job on the desk polls next, so nobody needs to be woken.
        let job = poll_fn(|_| desk.papers().job.take().map_or(Poll::Pending, Poll::Ready)).await;
        handle(accessor, service, job, desk).await?;
        desk.papers().is_done = true;
    }
}

async fn handle(accessor: &Accessor<State>, service: &Service, job: Job, desk: &Desk) -> wasmtime::Result<()> {
    let (head, body) = job.request.into_parts();
    let target = head.uri.into_parts();
    let fields = accessor.with(|mut store| {
        store.as_context_mut().set_epoch_deadline(1);
        store.data_mut().outgoing.start(job.journey);
        FieldMap::new_immutable(store.data_mut().http().hooks, head.headers)
    });
    let (request, transmitted) =
        p3::Request::new(head.method, target.scheme, target.authority, target.path_and_query, fields, None, body);
    let response = service.handle(accessor, request).await??;
    desk.put_response(accessor.with(|store| response.into_http(store, transmitted))?);
    // The guest may go on after its response: it streams the body, or does later work.
    poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
    Ok(())
}
