//! The memory of this process.

/// Bytes of this process that are in memory (its resident set); `None` if the system does not say.
pub fn resident_bytes() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let resident = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
        let kib: u64 = resident.split_whitespace().next()?.parse().ok()?;
        kib.checked_mul(1024)
    }
    #[cfg(target_os = "macos")]
    {
        let size = std::mem::size_of::<libc::proc_taskinfo>() as libc::c_int;
        // SAFETY: proc_pidinfo writes at most `size` bytes, the size of the struct it is given; all-zero bytes are a
        // valid `proc_taskinfo`.
        unsafe {
            let mut info: libc::proc_taskinfo = std::mem::zeroed();
            let written = libc::proc_pidinfo(
                libc::getpid(),
                libc::PROC_PIDTASKINFO,
                0,
                (&raw mut info).cast(),
                size,
            );
            (written == size).then_some(info.pti_resident_size)
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    None
}

#[cfg(test)]
#[cfg(any(target_os = "linux", target_os = "macos"))]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_used_counts() {
        let before = resident_bytes().expect("the system says it");
        assert!(before > 1 << 18, "{before}");
        let used = vec![1_u8; 64 << 20];
        let after = resident_bytes().expect("the system says it");
        assert!(after >= before + (48 << 20), "{before} and {after}");
        assert_eq!(used.last(), Some(&1));
    }
}
