//! Third-party decoders may panic on damaged bytes. Such a panic becomes an error about the bytes.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs a decoder. A panic is not printed, but returned.
///
/// # Errors
/// The panic message of the decoder.
pub fn caught<T>(decode: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
    let before = QUIET.replace(true);
    let done = catch_unwind(AssertUnwindSafe(decode));
    QUIET.set(before);
    done.map_err(|panic| panic_text(&*panic).chars().take(200).collect())
}

/// The message of a panic.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_become_errors_repeatedly() {
        assert_eq!(caught(|| 3), Ok(3));
        for _ in 0..2 {
            let said = caught(|| -> u8 { panic!("bad byte {}", 7) });
            assert_eq!(said, Err("bad byte 7".to_owned()));
        }
    }
}
