//! The attributes of the `tidegate` crate. They only wrap the function; all that does something lives there.

use proc_macro::TokenStream;
use quote::quote;
use syn::{ItemFn, parse_macro_input};

/// Makes an `async fn(Request) -> impl IntoResponse` the function's HTTP handler.
///
/// ```ignore
/// use tidegate::http::{IntoResponse, Request};
///
/// #[tidegate::http]
/// async fn handle(_req: Request) -> impl IntoResponse {
///     "Hello from Tidegate\n"
/// }
/// ```
///
/// In a wasm build the function is exported as `wasi:http/handler@0.3.0`. In a native build it is only checked,
/// and stays an ordinary function that a unit test can call.
#[proc_macro_attribute]
pub fn http(args: TokenStream, item: TokenStream) -> TokenStream {
    let function = parse_macro_input!(item as ItemFn);
    if let Err(error) = no_arguments(args, "http").and_then(|()| check_handler(&function)) {
        return with_error(&function, &error);
    }
    let name = &function.sig.ident;
    quote! {
        #function
        ::tidegate::__export_http!(#name);
    }
    .into()
}

/// Makes an `async fn()` a unit test: it gets fresh stand-ins for key-value, configuration, files, fetch and the clock.
///
/// ```ignore
/// #[tidegate::test]
/// async fn says_hello() {
///     let response = handle(tidegate::test::get("/")).await.into_response();
///     assert_eq!(response.status(), 200);
/// }
/// ```
///
/// What the test puts in place, it does with the functions of `tidegate::test`.
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    let function = parse_macro_input!(item as ItemFn);
    if let Err(error) = no_arguments(args, "test").and_then(|()| check_test(&function)) {
        return with_error(&function, &error);
    }
    let ItemFn { attrs, vis, sig, block, .. } = &function;
    let (name, output) = (&sig.ident, &sig.output);
    quote! {
        #[::core::prelude::v1::test]
        #(#attrs)*
        #vis fn #name() #output {
            ::tidegate::test::run(async move #block)
        }
    }
    .into()
}

fn no_arguments(args: TokenStream, attribute: &str) -> syn::Result<()> {
    if args.is_empty() {
        return Ok(());
    }
    Err(syn::Error::new_spanned(
        proc_macro2::TokenStream::from(args),
        format!("#[tidegate::{attribute}] takes no arguments"),
    ))
}

fn check_handler(function: &ItemFn) -> syn::Result<()> {
    check_async(function, "http")?;
    if function.sig.inputs.len() != 1 {
        return Err(syn::Error::new_spanned(
            &function.sig,
            "a handler takes one argument, the request: `async fn handle(req: Request) -> impl IntoResponse`",
        ));
    }
    Ok(())
}

fn check_test(function: &ItemFn) -> syn::Result<()> {
    check_async(function, "test")?;
    if function.sig.inputs.is_empty() {
        return Ok(());
    }
    Err(syn::Error::new_spanned(&function.sig.inputs, "a test takes no arguments"))
}

fn check_async(function: &ItemFn, attribute: &str) -> syn::Result<()> {
    if function.sig.asyncness.is_some() {
        return Ok(());
    }
    Err(syn::Error::new_spanned(&function.sig.ident, format!("a #[tidegate::{attribute}] function must be `async fn`")))
}

/// The function stays in the output beside the error, so that its other uses do not add errors of their own.
fn with_error(function: &ItemFn, error: &syn::Error) -> TokenStream {
    let error = error.to_compile_error();
    quote! { #error #function }.into()
}
