//! Speed, measured on this machine: one result a measurement, with all its settings.

/// The most memory this process has held so far, in bytes, as the kernel counts it; `None` where it
/// does not tell.
pub fn peak_rss_bytes() -> Option<u64> {
    #[cfg(unix)]
    {
        // SAFETY: getrusage fills the struct it is given; all-zero bytes are a valid `rusage`.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            if libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) != 0 {
                return None;
            }
            usage
        };
        // macOS counts bytes, the others kibibytes (getrusage(2))
        let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
        u64::try_from(usage.ru_maxrss).ok().map(|n| n * unit)
    }
    #[cfg(not(unix))]
    None
}
