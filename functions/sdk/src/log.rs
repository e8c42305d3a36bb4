//! One line of log. Hosts take a function's standard error as its log and put its name in front.

/// Logs a line, formatted like `println!`.
///
/// ```
/// tidegate::log!("cart {} has {} lines", "7f3a", 3);
/// ```
#[macro_export]
macro_rules! log {
    ($($arg:tt)*) => { $crate::__private::log(::core::format_args!($($arg)*)) };
}

#[doc(hidden)]
pub fn write(line: std::fmt::Arguments<'_>) {
    crate::platform::log(line);
}
