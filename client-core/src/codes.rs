//! Enumerations that are a small integer in MessagePack and a word in JSON.

macro_rules! code_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* $variant = $code,)+ }

        impl $name {
            /// All values, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word used in JSON.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err(format!("{other:?} is none of: {}", [$($word),+].join(", "))),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.serialize_str(self.word())
                } else {
                    serializer.serialize_u8(*self as u8)
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let word = String::deserialize(deserializer)?;
                    word.parse().map_err(serde::de::Error::custom)
                } else {
                    match u8::deserialize(deserializer)? {
                        $($code => Ok(Self::$variant),)+
                        other => Err(serde::de::Error::custom(format!(
                            concat!("{} is no code of ", stringify!($name)), other
                        ))),
                    }
                }
            }
        }

        impl $crate::packed::Packed for $name {
            fn pack(&self, into: &mut Vec<u8>) {
                $crate::packed::Packed::pack(&(*self as u8), into);
            }

            fn unpack(from: &mut &[u8]) -> Result<Self, $crate::packed::Malformed> {
                match <u8 as $crate::packed::Packed>::unpack(from)? {
                    $($code => Ok(Self::$variant),)+
                    _ => Err($crate::packed::Malformed(concat!("a code of ", stringify!($name)))),
                }
            }

            fn shape() -> $crate::packed::Shape {
                $crate::packed::Shape::Words(stringify!($name), vec![$(($code, $word)),+])
            }
        }
    };
}
