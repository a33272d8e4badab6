//! The rules that a diagnostic can be of: a short name for each, which programs may rely on.

/// Which rule of the language a diagnostic is of. Its name never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The file is not valid TOML, or too large to be a journey.
    Syntax,
    /// The file does not say what it is.
    UnknownFile,
    /// The file cannot be read as text.
    UnreadableFile,
    /// No table of this kind has the key.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// The key has no meaning where it stands.
    MisplacedKey,
    /// The value is of another type.
    WrongType,
    /// The value is of the right type and still cannot be.
    InvalidValue,
    /// A duration cannot be read.
    InvalidDuration,
    /// A name or id cannot be one.
    InvalidName,
    /// An expression cannot be read.
    InvalidExpression,
    /// A step does not have exactly one verb.
    StepVerb,
    /// Two things have one name.
    DuplicateName,
    /// It cannot be said who performs a step.
    UnknownActor,
    /// A fragment is not there, or used where none can be.
    UnknownFragment,
    /// The feature is not in the catalogue.
    UnknownFeature,
    /// A file refers to something that it does not list.
    UnknownReference,
    /// A path has no base to stand behind.
    MissingBase,
    /// `since` cannot start the clock.
    InvalidSince,
    /// A frame is meant for a socket that is not open.
    ClosedSocket,
    /// A variable is not set when it is read.
    UnsetVariable,
    /// A secret is written out.
    SecretLiteral,
    /// A captured value sounds like a secret and is not kept as one.
    SecretShown,
    /// An unsafe verb would be sent twice after a failure.
    UnsafeRetry,
    /// An unsafe verb would be sent again and again.
    UnsafePoll,
    /// What a step spends cannot be known or afforded.
    UnknownSpending,
    /// A run may still be going when the next one is due.
    RunsOverlap,
    /// Limits of time contradict each other.
    LimitsCannotFit,
    /// The cadence is too slow to show the catalogue's objective.
    CadenceBelowObjective,
    /// No step measures the journey's own feature.
    UnmeasuredFeature,
    /// The journey has more steps than are performed.
    TooManySteps,
    /// What a step makes is never undone.
    MissingCleanup,
    /// The target lacks what the journey needs, or refuses it.
    TargetLacks,
    /// What a run showed: not of a file, but of the platform.
    Observed,
}

impl Rule {
    /// Every rule that a file can break.
    pub const ALL: &[Self] = &[
        Self::Syntax,
        Self::UnknownFile,
        Self::UnreadableFile,
        Self::UnknownKey,
        Self::MissingKey,
        Self::MisplacedKey,
        Self::WrongType,
        Self::InvalidValue,
        Self::InvalidDuration,
        Self::InvalidName,
        Self::InvalidExpression,
        Self::StepVerb,
        Self::DuplicateName,
        Self::UnknownActor,
        Self::UnknownFragment,
        Self::UnknownFeature,
        Self::UnknownReference,
        Self::MissingBase,
        Self::InvalidSince,
        Self::ClosedSocket,
        Self::UnsetVariable,
        Self::SecretLiteral,
        Self::SecretShown,
        Self::UnsafeRetry,
        Self::UnsafePoll,
        Self::UnknownSpending,
        Self::RunsOverlap,
        Self::LimitsCannotFit,
        Self::CadenceBelowObjective,
        Self::UnmeasuredFeature,
        Self::TooManySteps,
        Self::MissingCleanup,
        Self::TargetLacks,
    ];

    /// The rule's name: `unset-variable`.
    pub const fn as_str(self) -> &'static str {
        self.words().0
    }

    /// What the rule asks for, in one sentence.
    pub const fn about(self) -> &'static str {
        self.words().1
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Syntax => ("syntax", "A file is valid TOML of at most 256 KiB."),
            Self::UnknownFile => (
                "unknown-file",
                "A file says by its keys whether it is a journey, fragment, catalogue or target.",
            ),
            Self::UnreadableFile => ("unreadable-file", "A file can be read as UTF-8 text."),
            Self::UnknownKey => ("unknown-key", "A table has only the keys of its kind."),
            Self::MissingKey => ("missing-key", "A table has all keys that its kind needs."),
            Self::MisplacedKey => ("misplaced-key", "A key stands where it has a meaning."),
            Self::WrongType => ("wrong-type", "A value has the type that its key asks for."),
            Self::InvalidValue => ("invalid-value", "A value is one that its key can have."),
            Self::InvalidDuration => (
                "invalid-duration",
                "A duration is a number and a unit: ms, s, m or h.",
            ),
            Self::InvalidName => ("invalid-name", "Names and ids keep to their characters."),
            Self::InvalidExpression => (
                "invalid-expression",
                "What stands between {{ and }} is an expression.",
            ),
            Self::StepVerb => ("step-verb", "A step has exactly one verb."),
            Self::DuplicateName => ("duplicate-name", "A name means one thing."),
            Self::UnknownActor => ("unknown-actor", "Each step says which actor performs it."),
            Self::UnknownFragment => (
                "unknown-fragment",
                "`use` names a fragment that was loaded, in a step of a journey.",
            ),
            Self::UnknownFeature => (
                "unknown-feature",
                "Journeys name features of the catalogue.",
            ),
            Self::UnknownReference => (
                "unknown-reference",
                "What a catalogue refers to is listed in it.",
            ),
            Self::MissingBase => ("missing-base", "A URL that is a path needs a base."),
            Self::InvalidSince => (
                "invalid-since",
                "`since` names an earlier step, and times `within` or `slow`.",
            ),
            Self::ClosedSocket => (
                "closed-socket",
                "Frames need a socket that the same actor opened before, once.",
            ),
            Self::UnsetVariable => (
                "unset-variable",
                "What a step reads is set when the step runs.",
            ),
            Self::SecretLiteral => ("secret-literal", "Secrets do not stand in files."),
            Self::SecretShown => (
                "secret-shown",
                "A capture that sounds like a secret is kept as one.",
            ),
            Self::UnsafeRetry => (
                "unsafe-retry",
                "An unsafe verb is sent again only with an idempotency key.",
            ),
            Self::UnsafePoll => (
                "unsafe-poll",
                "An unsafe verb is polled only if it says that repeating it does no harm.",
            ),
            Self::UnknownSpending => (
                "unknown-spending",
                "What a journey spends is known before a run, and within the budget.",
            ),
            Self::RunsOverlap => (
                "runs-overlap",
                "timeout + cleanup_timeout is below every: runs do not overlap.",
            ),
            Self::LimitsCannotFit => (
                "limits-cannot-fit",
                "Limits of time can all be reached, and fit into the journey's deadline.",
            ),
            Self::CadenceBelowObjective => (
                "cadence-below-objective",
                "A journey runs often enough to show the objective of its feature.",
            ),
            Self::UnmeasuredFeature => (
                "unmeasured-feature",
                "Some step measures the journey's own feature.",
            ),
            Self::TooManySteps => ("too-many-steps", "A journey has at most 100 steps."),
            Self::MissingCleanup => (
                "missing-cleanup",
                "What a step makes is undone by a cleanup.",
            ),
            Self::TargetLacks => (
                "target-lacks",
                "The target has the pools, fields, addresses and hosts that a journey needs.",
            ),
            Self::Observed => ("observed", "What a run showed."),
        }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
