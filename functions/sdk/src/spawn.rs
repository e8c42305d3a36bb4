//! Work that outlives the response.

/// Runs `future` beside the handler; it may go on after the response is sent.
///
/// Use it for what the visitor need not wait for. The host still counts it to the request: it is bounded by the
/// request's time limit, and lost if the instance traps. Work that must not be lost belongs into a queue.
///
/// ```
/// # async fn f() {
/// tidegate::spawn(async {
///     if let Err(error) = tidegate::fetch("http://audit.spin.internal/seen").await {
///         tidegate::log!("audit: {error}");
///     }
/// });
/// # }
/// ```
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    crate::platform::spawn(future);
}
