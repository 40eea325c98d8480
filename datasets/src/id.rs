//! Reddit's base36 ids as integers, and negative ids for rows without a Reddit id.

/// Decodes a base36 id (`j2af0af`), with or without a `t1_`..`t6_` prefix.
///
/// An id of digits only is base36 too, never a decimal number. `None` when a character is not base36, when nothing is
/// left, or when the number does not fit into 63 bits (13 characters).
pub fn decode(id: &str) -> Option<i64> {
    let bytes = id.as_bytes();
    let bare = match bytes {
        [b't', b'1'..=b'6', b'_', rest @ ..] => rest,
        _ => bytes,
    };
    if bare.is_empty() {
        return None;
    }
    let mut n: i64 = 0;
    for &b in bare {
        let digit = match b {
            b'0'..=b'9' => b - b'0',
            b'a'..=b'z' => b - b'a' + 10,
            b'A'..=b'Z' => b - b'A' + 10,
            _ => return None,
        };
        n = n.checked_mul(36)?.checked_add(i64::from(digit))?;
    }
    Some(n)
}

/// Writes a non-negative id in base36, without a prefix; a negative id (a hash of content) as
/// `x` and 16 hexadecimal digits, so that it cannot be mistaken for one of Reddit's.
pub fn encode(id: i64) -> String {
    if id < 0 {
        return format!("x{:016x}", id as u64);
    }
    let (mut n, mut out) = (id as u64, Vec::new());
    loop {
        out.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[(n % 36) as usize]);
        n /= 36;
        if n == 0 {
            break;
        }
    }
    out.iter().rev().map(|&b| b as char).collect()
}

/// A negative id made from content: the same parts give the same id in every file and every run.
///
/// 63 bits of blake3 over the parts, each preceded by its length, so that `["ab", "c"]` and `["a", "bc"]` differ. Any
/// two of a million different rows share an id with probability 5e-8.
pub fn of_content(parts: &[&str]) -> i64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    i64::from_le_bytes(first) | i64::MIN
}

/// The id that another source's id has in a namespace of its own.
pub fn in_namespace(namespace: &str, id: i64) -> i64 {
    of_content(&["in", namespace, &id.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip() {
        for (text, n) in [("0", 0), ("z", 35), ("10", 36), ("j2af0af", 41_497_293_111)] {
            assert_eq!(decode(text), Some(n));
            assert_eq!(encode(n), text);
        }
        assert_eq!(decode("t1_j2af0af"), decode("j2af0af"));
        assert_eq!(
            decode("12345"),
            Some(1_776_965),
            "all digits is still base36"
        );
    }

    #[test]
    fn invalid_ids_are_none() {
        for text in ["", "t3_", "a-b", "zzzzzzzzzzzzzz", "é"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }

    #[test]
    fn content_ids_are_negative_and_depend_on_part_boundaries() {
        assert!(of_content(&["a"]) < 0);
        assert_ne!(of_content(&["ab", "c"]), of_content(&["a", "bc"]));
        assert_eq!(of_content(&["ab", "c"]), of_content(&["ab", "c"]));
        assert!(decode(&encode(of_content(&["a"]))).is_none());
    }
}
