//! Expectations about a list without an order, such as the answers of a DNS server: a list means
//! just these in any order, one value means the only one, `contains` one of them, and every other
//! operator all of them.

use serde_json::Value;

use super::check::{Judge, equal};
use super::{Check, Existence};
use crate::prepare::RenderError;

impl Judge<'_, '_> {
    pub(super) fn items_hold(&self, check: &Check, items: &[Value]) -> Result<bool, RenderError> {
        Ok(match check {
            Check::Exists(Existence::Present) => !items.is_empty(),
            Check::Exists(Existence::Absent) => items.is_empty(),
            Check::Count(checks) => {
                let count = Value::from(items.len());
                for check in checks {
                    if !self.one_holds(check, &count)? {
                        return Ok(false);
                    }
                }
                true
            }
            Check::Not(checks) => {
                for check in checks {
                    if !self.items_hold(check, items)? {
                        return Ok(true);
                    }
                }
                false
            }
            Check::Equals(expected) => match &*self.render(expected)? {
                Value::Array(expected) => same_items(items, expected),
                expected => matches!(items, [item] if equal(item, expected)),
            },
            Check::Contains(part) => {
                let part = self.render(part)?;
                items.iter().any(|item| equal(item, &part))
            }
            Check::Is(_)
            | Check::In(_)
            | Check::Status(_)
            | Check::GrpcStatus(_)
            | Check::Min(_)
            | Check::Max(_)
            | Check::Slower(_)
            | Check::Faster(_)
            | Check::StartsWith(_)
            | Check::Matches(_) => {
                for item in items {
                    if !self.one_holds(check, item)? {
                        return Ok(false);
                    }
                }
                !items.is_empty()
            }
        })
    }

    /// `not` may stand inside of `count`.
    fn one_holds(&self, check: &Check, value: &Value) -> Result<bool, RenderError> {
        let Check::Not(checks) = check else {
            return self.value_holds(check, value);
        };
        for check in checks {
            if !self.one_holds(check, value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether both hold the same items, each as often, in whatever order.
fn same_items(items: &[Value], expected: &[Value]) -> bool {
    let mut left: Vec<&Value> = items.iter().collect();
    let all_found = expected.iter().all(|one| {
        let found = left.iter().position(|item| equal(item, one));
        found.map(|at| left.swap_remove(at)).is_some()
    });
    all_found && left.is_empty()
}
