//! Closed lists: enums whose every word is written once and is the same in TOML, Rust and OTLP.

/// A word that is not in the closed list it was looked up in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{word}` is not {} {list}; one of {known} is expected",
    crate::name::article(list)
)]
pub struct UnknownWord {
    /// The list's name, as a reader knows it.
    pub list: &'static str,
    /// The word that was given.
    pub word: String,
    /// The words of the list, comma-separated.
    pub known: String,
}

/// Declares a closed list: the enum, its words, parsing, display and serde as the word.
macro_rules! closed_list {
    (
        $(#[$meta:meta])*
        $name:ident: $list:literal { $( $(#[$vmeta:meta])* $variant:ident = $word:literal ),+ $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "std::borrow::Cow<'_, str>", into = "&'static str")]
        pub enum $name { $( $(#[$vmeta])* $variant ),+ }

        impl $name {
            /// Every word of the list, in its natural order.
            pub const ALL: &'static [Self] = &[ $( Self::$variant ),+ ];

            /// The word, as written on the wire and in files.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word ),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $( $word => Ok(Self::$variant), )+
                    _ => Err($crate::UnknownWord {
                        list: $list,
                        word: word.to_owned(),
                        known: [$( $word ),+].join(", "),
                    }),
                }
            }
        }

        impl TryFrom<std::borrow::Cow<'_, str>> for $name {
            type Error = $crate::UnknownWord;

            fn try_from(word: std::borrow::Cow<'_, str>) -> Result<Self, Self::Error> {
                word.parse()
            }
        }

        impl From<$name> for &'static str {
            fn from(value: $name) -> Self {
                value.as_str()
            }
        }
    };
}

pub(crate) use closed_list;
