//! Words of the product that the tests of attacks go by: where one changes, it is changed here.

/// An event is kept and forwarded and changes nothing; the detail says why.
pub const DOES_NOT_FOLD: &str = "does_not_fold";
/// Detail: a number, day, text or list lies outside what its kind may hold.
pub const OUT_OF_BOUNDS: &str = "out_of_bounds";
/// Detail: the event lies in the document of another quarter than its fact's or stamp's.
pub const WRONG_PERIOD: &str = "wrong_period";
/// Detail, and what `why` says: nobody knows the kind.
pub const UNKNOWN_KIND: &str = "unknown_kind";
/// A unit's own fact names another unit's teacher, room or class without a decision.
pub const UNCONFIRMED: &str = "unconfirmed";
/// Two keys under one device id.
pub const DEVICE_TWICE: &str = "device_twice";
/// One teacher, two classes, one hour.
pub const TEACHER_TWICE: &str = "teacher_twice";
/// Whatever the kind of the contradiction.
pub const ANY: &str = "";
