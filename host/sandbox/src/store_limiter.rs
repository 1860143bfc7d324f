//! Limits the sum of memory and tables of a component.
//!
//! WebAssembly grows each memory and each table separately, and a component may have many. This limits their
//! sum, so that eight memories may use no more than one.

use wasmtime::ResourceLimiter;

use crate::Limits;

/// The bytes of an element of a table.
pub(crate) const TABLE_ELEMENT: u64 = size_of::<usize>() as u64;

/// Counts what a store uses, and remembers the first growth that it refused. The guest only sees a memory that
/// does not grow, and its trap or error rarely says that this is the reason.
#[derive(Clone, Debug)]
pub(crate) struct StoreLimiter {
    allowed: u64,
    core_instances: usize,
    memories: usize,
    tables: usize,
    in_use: u64,
    refused: Option<GrowthRefusal>,
}

/// A refused growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GrowthRefusal {
    /// Bytes in use.
    pub(crate) in_use: u64,
    /// Additional bytes that were requested.
    pub(crate) asked: u64,
}

impl StoreLimiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            allowed: limits.memory,
            core_instances: limits.core_instances,
            memories: limits.memories,
            tables: limits.tables,
            in_use: 0,
            refused: None,
        }
    }

    /// Returns the bytes in use. A store never releases memory before it ends, so this is also the maximum.
    pub(crate) fn in_use(&self) -> u64 {
        self.in_use
    }

    /// Returns the first growth that was refused.
    pub(crate) fn refused(&self) -> Option<GrowthRefusal> {
        self.refused
    }

    fn grow(&mut self, asked: u64) -> bool {
        let desired = self.in_use.saturating_add(asked);
        if desired > self.allowed {
            self.refused.get_or_insert(GrowthRefusal { in_use: self.in_use, asked });
            return false;
        }
        self.in_use = desired;
        true
    }
}

impl ResourceLimiter for StoreLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // Growth past the memory's own maximum fails anyway.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.grow(desired.saturating_sub(current) as u64))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let elements = desired.saturating_sub(current) as u64;
        Ok(self.grow(elements.saturating_mul(TABLE_ELEMENT)))
    }

    fn instances(&self) -> usize {
        self.core_instances
    }

    fn memories(&self) -> usize {
        self.memories
    }

    fn tables(&self) -> usize {
        self.tables
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 64 << 10;

    fn limiter(pages: usize) -> StoreLimiter {
        StoreLimiter::new(&Limits { memory: (pages * PAGE) as u64, ..Limits::default() })
    }

    #[test]
    fn limiter_sums_memories_and_tables() {
        let mut limiter = limiter(4);
        assert!(limiter.memory_growing(0, 2 * PAGE, None).unwrap());
        assert!(limiter.memory_growing(0, PAGE, None).unwrap());
        assert!(limiter.table_growing(0, PAGE / 8, None).unwrap());
        assert_eq!(limiter.in_use(), 4 * PAGE as u64);
        assert!(!limiter.table_growing(PAGE / 8, PAGE / 8 + 1, None).unwrap());
        assert!(!limiter.memory_growing(PAGE, 3 * PAGE, None).unwrap());
        assert_eq!(limiter.refused(), Some(GrowthRefusal { in_use: 4 * PAGE as u64, asked: 8 }));
    }

    #[test]
    fn limiter_ignores_growth_past_own_maximum() {
        let mut limiter = limiter(4);
        assert!(!limiter.memory_growing(PAGE, 100 * PAGE, Some(PAGE)).unwrap());
        assert_eq!((limiter.in_use(), limiter.refused()), (0, None));
    }

    #[test]
    fn limiter_saturates() {
        let mut limiter = limiter(4);
        assert!(!limiter.table_growing(0, usize::MAX, None).unwrap());
        assert!(limiter.memory_growing(0, 4 * PAGE, None).unwrap());
    }
}
