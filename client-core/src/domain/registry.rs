//! How subjects are put together: the lists of kinds and commands beside a subject, and the list of subjects.

/// The kinds of a subject: an enumeration of their bodies. A new kind is one line here.
macro_rules! kinds {
    (
        $(#[$doc:meta])*
        $name:ident in $subject:ident { $($variant:ident($kind:ident),)+ }
        $(older { $($old:ident,)+ })?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $(
                #[doc = concat!("See [`", stringify!($kind), "`].")]
                $variant($kind),
            )+
        }

        impl $name {
            /// Every kind, in the version that is written.
            pub const KINDS: &'static [$crate::event::KindInfo] =
                &[$($crate::event::KindInfo::of::<$kind>(),)+];

            /// Versions that are read and no longer written.
            pub const OLDER: &'static [$crate::event::KindInfo] =
                &[$($($crate::event::KindInfo::of_older::<$old>(),)+)?];

            pub(crate) fn body(&self) -> &dyn $crate::event::Body {
                match self { $(Self::$variant(body) => body,)+ }
            }

            /// Reads a body of this subject; `None` where kind or version are of no kind here.
            pub(crate) fn decode(
                kind: &str,
                version: u16,
                body: &[u8],
            ) -> Option<Result<Self, $crate::packed::Malformed>> {
                use $crate::event::KindInfo;
                use $crate::packed::read_body;
                $(if (kind, version) == KindInfo::of::<$kind>().id() {
                    return Some(read_body::<$kind>(body).map(Self::from));
                })+
                $($(if (kind, version) == KindInfo::of_older::<$old>().id() {
                    type Now = <$old as $crate::event::Older>::Now;
                    return Some(read_body::<$old>(body).map(|old| Self::from(Now::from(old))));
                })+)?
                None
            }
        }

        $(
            impl From<$kind> for $name {
                fn from(body: $kind) -> Self {
                    Self::$variant(body)
                }
            }

            impl From<$kind> for $crate::domain::Event {
                fn from(body: $kind) -> Self {
                    Self::$subject(body.into())
                }
            }
        )+
    };
}

/// The commands of a subject. A new command is one line here.
macro_rules! commands {
    ($(#[$doc:meta])* $name:ident in $subject:ident { $($command:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $(
                #[doc = concat!("See [`", stringify!($command), "`].")]
                $command($command),
            )+
        }

        impl $name {
            /// The words that name them in JSON.
            pub const NAMES: &'static [&'static str] = &[$(<$command as $crate::domain::Act>::NAME,)+];

            pub(crate) fn act(&self) -> &dyn $crate::domain::AnyAct {
                match self { $(Self::$command(act) => act,)+ }
            }

            pub(crate) fn act_mut(&mut self) -> &mut dyn $crate::domain::AnyAct {
                match self { $(Self::$command(act) => act,)+ }
            }

            /// Reads one from JSON; `None` where it is of no name here.
            pub(crate) fn read(
                name: &str,
                value: &serde_json::Value,
            ) -> Option<Result<Self, serde_json::Error>> {
                $(if name == <$command as $crate::domain::Act>::NAME {
                    return Some(serde::Deserialize::deserialize(value).map(Self::$command));
                })+
                None
            }
        }

        $(
            impl From<$command> for $crate::domain::Command {
                fn from(act: $command) -> Self {
                    Self::$subject($name::$command(act))
                }
            }
        )+
    };
}

/// The subjects: what is said of them, what people do with them, what everybody sees of them.
macro_rules! subjects {
    ($(
        $subject:ident
        $(said $events:ident)?
        $(done $commands:ident)?
        $(seen $($view:ident: $View:ident),+)?
        $(own $($own:ident: $Own:ident),+)?
        ;
    )+) => {
        /// A decoded event, by its subject.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event {
            $($(
                #[doc = concat!("See [`", stringify!($events), "`].")]
                $subject($events),
            )?)+
        }

        impl Event {
            /// Every subject with the kinds that this release writes and those that it only reads.
            pub fn subjects() -> Vec<(&'static str, Vec<&'static KindInfo>)> {
                vec![$($((
                    stringify!($subject),
                    $events::KINDS.iter().chain($events::OLDER).collect(),
                ),)?)+]
            }

            /// Every kind that this release writes.
            pub fn kinds() -> impl Iterator<Item = &'static KindInfo> {
                [$($($events::KINDS,)?)+].into_iter().flatten()
            }

            /// Every kind that it reads and no longer writes.
            pub fn older() -> impl Iterator<Item = &'static KindInfo> {
                [$($($events::OLDER,)?)+].into_iter().flatten()
            }
        }

        impl Statement for Event {
            fn decode(kind: &str, version: u16, body: &[u8]) -> Result<Option<Self>, DecodeError> {
                let malformed =
                    |error: Malformed| DecodeError::Body { kind: kind.to_owned(), version, reason: error.to_string() };
                $($(if let Some(read) = $events::decode(kind, version, body) {
                    return read.map(|event| Some(Self::$subject(event))).map_err(malformed);
                })?)+
                Ok(None)
            }

            fn body(&self) -> &dyn Body {
                match self { $($(Self::$subject(event) => $events::body(event),)?)+ }
            }
        }

        /// One action of a person, by its subject. In JSON: `{"command": "offer_teacher", …}`.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Command {
            $($(
                #[doc = concat!("See [`", stringify!($commands), "`].")]
                $subject($commands),
            )?)+
        }

        impl Command {
            /// The words that name commands in JSON.
            pub fn names() -> impl Iterator<Item = &'static str> {
                [$($($commands::NAMES,)?)+].into_iter().flatten().copied()
            }

            pub(crate) fn act(&self) -> &dyn AnyAct {
                match self { $($(Self::$subject(command) => $commands::act(command),)?)+ }
            }

            pub(crate) fn act_mut(&mut self) -> &mut dyn AnyAct {
                match self { $($(Self::$subject(command) => $commands::act_mut(command),)?)+ }
            }

            fn read(name: &str, value: &serde_json::Value) -> Option<Result<Self, serde_json::Error>> {
                $($(if let Some(read) = $commands::read(name, value) {
                    return Some(read.map(Self::$subject));
                })?)+
                None
            }
        }

        /// What every branch may see: the fold of shared and decisions documents. A copy costs little.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct SharedViews {
            /// Whose things are, where their ids do not say so.
            pub owners: Owners,
            /// Readable events that do not count, and why.
            pub left_out: LeftOut,
            /// Several that stand for one place, by the one that counts: a person should look.
            pub conflicts: OrdMap<EventRef, Vec<EventRef>>,
            $($($(
                #[doc = concat!("See [`", stringify!($View), "`].")]
                pub $view: $View,
            )+)?)+
            /// The calendar of firm bookings, by time.
            pub bookings: OrdSet<Booking>,
            /// What does not fit together.
            pub anomalies: OrdSet<Anomaly>,
        }

        /// What the views that everybody sees are folded from.
        #[derive(Clone, Debug, Default)]
        struct SharedIndexes {
            $($($($view: Index<<$View as View>::Key>,)+)?)+
        }

        /// The keys of each of these views that changed.
        #[allow(dead_code, reason = "what is derived reads the views that it is derived from")]
        pub(crate) struct SharedChanged {
            $($($(pub $view: BTreeSet<<$View as View>::Key>,)+)?)+
        }

        impl SharedViews {
            /// The names under which views are served.
            pub const NAMES: &'static [&'static str] =
                &[$($($(<$View as View>::NAME,)+)?)+ "schedule", "anomalies"];

            fn fold_in(&mut self, news: &News<'_>, indexes: &mut SharedIndexes) -> SharedChanged {
                SharedChanged {
                    $($($($view: news.fold(&mut self.$view, &mut indexes.$view),)+)?)+
                }
            }

            /// The view of this name as it is served.
            pub fn named(&self, name: &str) -> Option<serde_json::Value> {
                $($($(if name == <$View as View>::NAME {
                    return Some(self.$view.answer());
                })+)?)+
                match name {
                    "schedule" => Some(serde_json::json!(self.bookings)),
                    "anomalies" => Some(serde_json::json!(self.anomalies)),
                    _ => None,
                }
            }
        }

        /// What a branch sees of itself alone: the fold of its private documents.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct PrivateViews {
            /// Readable events that do not count, and why.
            pub left_out: LeftOut,
            /// Several that stand for one place, by the one that counts: a person should look.
            pub conflicts: OrdMap<EventRef, Vec<EventRef>>,
            $($($(
                #[doc = concat!("See [`", stringify!($Own), "`].")]
                pub $own: $Own,
            )+)?)+
        }

        /// What a branch's own views are folded from.
        #[derive(Clone, Debug, Default)]
        struct OwnIndexes {
            $($($($own: Index<<$Own as View>::Key>,)+)?)+
        }

        impl PrivateViews {
            fn fold_in(&mut self, news: &News<'_>, indexes: &mut OwnIndexes) {
                $($($(news.fold(&mut self.$own, &mut indexes.$own);)+)?)+
            }
        }
    };
}
