//! Times in JSON that is kept: microseconds since 1970, as everywhere in a store.

/// One.
pub(super) mod time {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::base::Timestamp;

    pub(in crate::directory) fn serialize<S: Serializer>(
        time: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(time.unix_micros())
    }

    pub(in crate::directory) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp::from_unix_micros)
    }
}

/// One, or none.
pub(super) mod maybe {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::base::Timestamp;

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(in crate::directory) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(Timestamp::unix_micros).serialize(serializer)
    }

    pub(in crate::directory) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(Timestamp::from_unix_micros))
    }
}
