//! What a process keeps in memory between its jobs: to load the models of a generation takes longer than to generate.
//! Only a warm worker (`work.rs`) keeps anything, and only weights and tokenizers: a text that is purged must not remain
//! in the memory of a process that waits.

use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A value, with a key that names all that it was made from.
type Entry = (String, Box<dyn Any + Send>);

/// Values that one job leaves for the next. A clone has the same ones.
#[derive(Clone, Default)]
pub struct Warm(Arc<Mutex<Vec<Entry>>>);

impl Warm {
    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the value of this type and key out, if it is there.
    pub fn take<T: 'static>(&self, key: &str) -> Option<T> {
        let mut entries = self.entries();
        let at = entries
            .iter()
            .position(|(known, value)| known == key && value.is::<T>())?;
        let (_, value) = entries.swap_remove(at);
        value.downcast::<T>().ok().map(|value| *value)
    }

    /// Keeps a value for the next job.
    pub fn put<T: Any + Send>(&self, key: String, value: T) {
        self.entries().push((key, Box::new(value)));
    }

    /// Drops all values but those with these keys: what a job does not use must not take the memory that it needs.
    pub fn keep_only(&self, keys: &[String]) {
        self.entries().retain(|(key, _)| keys.contains(key));
    }

    /// Drops all values.
    pub fn clear(&self) {
        self.entries().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_out_by_key_and_type() {
        let warm = Warm::default();
        warm.put("a".to_owned(), 1_u32);
        warm.put("b".to_owned(), 2_u32);
        let next = warm.clone();
        assert_eq!(next.take::<u64>("a"), None, "of another type");
        assert_eq!(next.take::<u32>("c"), None, "of another key");
        assert_eq!(next.take::<u32>("a"), Some(1));
        assert_eq!(warm.take::<u32>("a"), None, "taken by the clone");
        assert_eq!(warm.take::<u32>("b"), Some(2));
    }

    #[test]
    fn values_that_are_not_needed_are_dropped() {
        let (warm, value) = (Warm::default(), Arc::new(()));
        for key in ["a", "b", "c"] {
            warm.put(key.to_owned(), Arc::clone(&value));
        }
        assert_eq!(Arc::strong_count(&value), 4);
        warm.keep_only(&["b".to_owned(), "x".to_owned()]);
        assert_eq!(Arc::strong_count(&value), 2);
        assert!(warm.take::<Arc<()>>("b").is_some());
        warm.put("b".to_owned(), Arc::clone(&value));
        warm.clear();
        assert_eq!(Arc::strong_count(&value), 1);
    }
}
