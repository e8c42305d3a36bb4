//! The `tidegate` command.

use std::process::ExitCode;

/// Made for many threads that allocate at once; the system's allocator costs a tenth of a request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tidegate_host::command::run()
}
