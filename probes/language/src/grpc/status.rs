//! The statuses of gRPC, by number and name.

/// How a gRPC call ended: <https://grpc.github.io/grpc/core/md_doc_statuscodes.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrpcStatus(u8);

/// The names, each at its number.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl GrpcStatus {
    /// The call succeeded.
    pub const OK: Self = Self(0);
    /// The status of calls whose server names one that nobody knows.
    pub const UNKNOWN: Self = Self(2);
    /// The server does not know who asks: what 401 is in HTTP.
    pub const UNAUTHENTICATED: Self = Self(16);

    /// The status with this number.
    pub fn from_number(number: i64) -> Option<Self> {
        let number = u8::try_from(number).ok()?;
        (usize::from(number) < NAMES.len()).then_some(Self(number))
    }

    /// The status with this name, in capitals.
    pub fn from_name(name: &str) -> Option<Self> {
        let at = NAMES.iter().position(|known| *known == name)?;
        u8::try_from(at).ok().map(Self)
    }

    /// Its number, as in `grpc-status`.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }

    /// All names, in order of number.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        NAMES.into_iter()
    }

    /// Whether the server says that it did not do what was asked, because of what was asked: the
    /// counterpart of the 4xx of HTTP.
    pub const fn is_refusal(self) -> bool {
        matches!(self.0, 3 | 5 | 6 | 7 | 8 | 9 | 11 | 12 | 16)
    }

    /// Whether the server, or the way to it, was at fault: the counterpart of the 5xx of HTTP.
    pub const fn is_server_fault(self) -> bool {
        matches!(self.0, 2 | 4 | 13 | 14 | 15)
    }
}

impl std::fmt::Display for GrpcStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_one_name_and_every_name_its_number() {
        for number in 0..17 {
            let status = GrpcStatus::from_number(number).unwrap();
            assert_eq!(i64::from(status.number()), number);
            assert_eq!(GrpcStatus::from_name(status.name()), Some(status));
            assert!(
                !(status.is_refusal() && status.is_server_fault()),
                "{status}"
            );
        }
        assert_eq!(GrpcStatus::from_number(14).unwrap().name(), "UNAVAILABLE");
        for wrong in [-1, 17, 256] {
            assert_eq!(GrpcStatus::from_number(wrong), None);
        }
        assert_eq!(GrpcStatus::UNAUTHENTICATED.name(), "UNAUTHENTICATED");
        assert_eq!(GrpcStatus::from_name("not_found"), None);
    }
}
