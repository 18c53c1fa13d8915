//! Values as texts that compare as the values do.

use serde_json::Value;

use crate::base::Timestamp;
use crate::scim::Kind;
use crate::scim::fold::fold;

/// A value as a text: comparing such texts octet by octet compares the values, and one is a piece
/// of another where the value is. `None`: no value of this type.
///
/// Text without `case_exact` is folded. Booleans are also taken as texts, in any case, as some
/// clients write them; instants are compared as such, whatever their offset.
pub fn comparable(kind: Kind, case_exact: bool, value: &Value) -> Option<String> {
    match (kind, value) {
        (Kind::Boolean, Value::Bool(value)) => Some(value.to_string()),
        (Kind::Boolean, Value::String(text)) => ["true", "false"]
            .into_iter()
            .find(|word| word.eq_ignore_ascii_case(text))
            .map(str::to_owned),
        (Kind::Decimal | Kind::Integer, Value::Number(number)) => number.as_f64().map(in_order),
        (Kind::DateTime, Value::String(text)) => Some(in_order_whole(instant(text)?.unix_micros())),
        (Kind::String | Kind::Reference, Value::String(text)) if !case_exact => Some(fold(text)),
        (Kind::String | Kind::Reference | Kind::Binary, Value::String(text)) => Some(text.clone()),
        _ => None,
    }
}

/// An `xsd:dateTime` (RFC 7643, 2.3.5): a date with a time. Without a zone it is read as UTC.
///
/// ```
/// use samlgate::scim::values::instant;
/// assert_eq!(instant("2026-11-22T10:00:00"), instant("2026-11-22T12:00:00+02:00"));
/// assert_eq!(instant("2026-11-22"), None);
/// ```
pub fn instant(text: &str) -> Option<Timestamp> {
    let (_, time) = text.split_once('T')?;
    if time.contains(['Z', 'z', '+', '-']) {
        Timestamp::parse_moment(text)
    } else {
        Timestamp::parse_moment(&format!("{text}Z"))
    }
}

/// The bits of a number, so that less is less: the sign turned, of negative ones all of them.
fn in_order(number: f64) -> String {
    // There are two zeros.
    let bits = (number + 0.0).to_bits();
    let bits = if bits >> 63 == 0 {
        bits | 1 << 63
    } else {
        !bits
    };
    format!("{bits:016x}")
}

fn in_order_whole(number: i64) -> String {
    format!("{:016x}", number.cast_unsigned() ^ 1 << 63)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_compare_as_the_values_do() {
        let number = |value: Value| comparable(Kind::Decimal, false, &value).unwrap();
        let numbers = [
            json!(-1e300),
            json!(-2),
            json!(-1.5),
            json!(0),
            json!(0.25),
            json!(7),
            json!(1e300),
        ];
        assert!(numbers.map(number).is_sorted_by(|a, b| a < b));
        assert_eq!(number(json!(-0.0)), number(json!(0)));
        let time = |text: &str| comparable(Kind::DateTime, false, &json!(text)).unwrap();
        assert!(time("1969-12-31T23:59:59Z") < time("1970-01-01T00:00:00Z"));
        assert_eq!(
            time("2026-11-22T12:00:00+02:00"),
            time("2026-11-22T10:00:00Z")
        );
    }

    #[test]
    fn case_counts_where_the_schema_says_so() {
        let text = |exact| comparable(Kind::String, exact, &json!("Ann")).unwrap();
        assert_eq!(
            (text(false), text(true)),
            ("ann".to_owned(), "Ann".to_owned())
        );
        assert_eq!(
            comparable(Kind::Boolean, false, &json!("True")).as_deref(),
            Some("true")
        );
        assert_eq!(comparable(Kind::Boolean, false, &json!("yes")), None);
        assert_eq!(comparable(Kind::Integer, false, &json!("7")), None);
    }
}
