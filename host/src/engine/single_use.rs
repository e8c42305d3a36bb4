//! An instance of a WASI 0.2 component: it answers one request and is dropped.

use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::Store;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;

use super::fault::Fault;
use super::instance::{Desk, Job};
use super::permit::Permit;
use super::state::State;

/// Makes an instance in `store`, has it answer the request, and drops it.
pub async fn run(
    mut store: Store<State>,
    pre: ProxyPre<State>,
    job: Job,
    desk: Arc<Desk>,
    _place: Permit,
) -> Result<(), Fault> {
    let proxy = pre.instantiate_async(&mut store).await.map_err(|error| Fault::of_instantiation(&error))?;
    store.data_mut().outgoing.start(job.journey);
    let error_code = Arc::new(Mutex::new(None));
    let code = Arc::clone(&error_code);
    let handled = async {
        let request = store.data_mut().http().new_incoming_request(Scheme::Http, job.request)?;
        let outparam = store.data_mut().http().new_response_outparam_from_callback(move |outcome| match outcome {
            Ok(response) => desk.put_response(response),
            Err(error) => *code.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{error:?}")),
        })?;
        proxy.wasi_http_incoming_handler().call_handle(&mut store, request, outparam).await
    }
    .await;
    handled.map_err(|error| Fault::of_run(&error, store.data()))?;
    let error_code = error_code.lock().unwrap_or_else(PoisonError::into_inner).take();
    error_code.map_or(Ok(()), |code| Err(Fault::ErrorCode(code)))
}
