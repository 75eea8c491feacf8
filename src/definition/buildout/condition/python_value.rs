//! Values in conditions, and what can be done with them.

use super::Stop;
use std::cmp::Ordering;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Text(String),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    /// A module, or a function of it: `platform`, `platform.machine`.
    Path(String),
    /// A method of a text.
    Method(String, String),
    /// Something that is not known.
    Unknown(String),
}

impl Value {
    /// `bool(value)`.
    pub(super) fn truth(&self) -> Result<bool, Stop> {
        match self {
            Self::None => Ok(false),
            Self::Bool(truth) => Ok(*truth),
            Self::Int(number) => Ok(*number != 0),
            Self::Text(text) => Ok(!text.is_empty()),
            Self::Tuple(items) | Self::List(items) => Ok(!items.is_empty()),
            Self::Path(path) if path.contains('.') => Err(not_modelled(&format!("`{path}`"))),
            Self::Path(_) => Ok(true),
            Self::Method(_, method) => Err(not_modelled(&format!("the method `{method}`"))),
            Self::Unknown(reason) => Err(Stop::Undecidable(reason.clone())),
        }
    }

    /// `value[start:end]`.
    pub(super) fn slice(&self, start: Option<&Self>, end: Option<&Self>) -> Result<Self, Stop> {
        let cut = |length: usize| -> Result<(usize, usize), Stop> {
            let bound = |bound: Option<&Self>, default: usize| match bound {
                None | Some(Self::None) => Ok(default),
                Some(Self::Int(index)) => Ok(clamp(*index, length)),
                Some(_) => Err(not_modelled("this slice")),
            };
            let (start, end) = (bound(start, 0)?, bound(end, length)?);
            Ok((start, end.max(start)))
        };
        match self {
            Self::Tuple(items) => cut(items.len()).map(|(start, end)| Self::Tuple(items[start..end].to_vec())),
            Self::List(items) => cut(items.len()).map(|(start, end)| Self::List(items[start..end].to_vec())),
            Self::Text(text) => cut(text.chars().count())
                .map(|(start, end)| Self::Text(text.chars().skip(start).take(end - start).collect())),
            Self::Unknown(reason) => Err(Stop::Undecidable(reason.clone())),
            _ => Err(not_modelled("this slice")),
        }
    }
}

fn clamp(index: i64, length: usize) -> usize {
    let length_signed = i64::try_from(length).unwrap_or(i64::MAX);
    let index = if index < 0 { index.saturating_add(length_signed) } else { index };
    usize::try_from(index.clamp(0, length_signed)).unwrap_or(length)
}

pub(super) fn not_modelled(what: &str) -> Stop {
    Stop::Undecidable(format!("{what} is not modelled"))
}

/// `of[index]`.
pub(super) fn subscript(of: &Value, index: &Value) -> Result<Value, Stop> {
    match (of, index) {
        (Value::Unknown(reason), _) | (_, Value::Unknown(reason)) => Err(Stop::Undecidable(reason.clone())),
        (Value::Tuple(items) | Value::List(items), Value::Int(index)) => {
            item(items, *index).ok_or_else(|| Stop::Error("the index is out of range".to_owned()))
        }
        _ => Err(not_modelled("this subscript")),
    }
}

fn item(items: &[Value], index: i64) -> Option<Value> {
    let length = i64::try_from(items.len()).ok()?;
    let index = if index < 0 { index.checked_add(length)? } else { index };
    items.get(usize::try_from(index).ok()?).cloned()
}

/// `left operator right`.
pub(super) fn arithmetic(operator: &str, left: &Value, right: &Value) -> Result<Value, Stop> {
    let number = match (operator, left, right) {
        ("+", Value::List(left), Value::List(right)) => {
            return Ok(Value::List(left.iter().chain(right).cloned().collect()));
        }
        ("+", Value::Text(left), Value::Text(right)) => return Ok(Value::Text(format!("{left}{right}"))),
        ("+", Value::Int(left), Value::Int(right)) => left.checked_add(*right),
        ("-", Value::Int(left), Value::Int(right)) => left.checked_sub(*right),
        ("**", Value::Int(left), Value::Int(right)) => u32::try_from(*right).ok().and_then(|to| left.checked_pow(to)),
        _ => None,
    };
    let numbers = integer(left).is_some() && integer(right).is_some();
    let plain = |value: &Value| !matches!(value, Value::Path(_) | Value::Method(..) | Value::Unknown(_));
    match number {
        Some(number) => Ok(Value::Int(number)),
        None if !numbers && operator != "**" && plain(left) && plain(right) && !same_kind(left, right) => {
            Err(Stop::Error(format!("`{operator}` is not defined between these values")))
        }
        None => Err(not_modelled("this arithmetic")),
    }
}

fn same_kind(left: &Value, right: &Value) -> bool {
    std::mem::discriminant(left) == std::mem::discriminant(right)
}

/// `left operator right` as a truth value.
pub(super) fn compare(left: &Value, operator: &str, right: &Value) -> Result<bool, Stop> {
    match operator {
        "==" => equal(left, right),
        "!=" => equal(left, right).map(|equal| !equal),
        "in" => contains(right, left),
        "not in" => contains(right, left).map(|contains| !contains),
        "is" | "is not" => match (left, right) {
            (Value::None | Value::Bool(_), Value::None | Value::Bool(_)) => Ok((left == right) == (operator == "is")),
            _ => Err(not_modelled("`is` on this value")),
        },
        operator => {
            let order = order(left, right)?;
            Ok(match operator {
                "<" => order.is_lt(),
                "<=" => order.is_le(),
                ">" => order.is_gt(),
                _ => order.is_ge(),
            })
        }
    }
}

fn contains(container: &Value, item: &Value) -> Result<bool, Stop> {
    match (container, item) {
        (Value::Unknown(reason), _) | (_, Value::Unknown(reason)) => Err(Stop::Undecidable(reason.clone())),
        (Value::Text(container), Value::Text(item)) => Ok(container.contains(item.as_str())),
        (Value::Tuple(items) | Value::List(items), item) => {
            let mut undecided = None;
            for candidate in items {
                match equal(candidate, item) {
                    Ok(true) => return Ok(true),
                    Ok(false) => {}
                    Err(stop) => undecided = undecided.or(Some(stop)),
                }
            }
            undecided.map_or(Ok(false), Err)
        }
        (Value::Text(_), Value::None | Value::Bool(_) | Value::Int(_) | Value::Tuple(_) | Value::List(_)) => {
            Err(Stop::Error("only a text can be `in` a text".to_owned()))
        }
        (Value::None | Value::Bool(_) | Value::Int(_), _) => {
            Err(Stop::Error("nothing can be `in` this value".to_owned()))
        }
        _ => Err(not_modelled("this `in`")),
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(truth) => Some(i64::from(*truth)),
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

fn equal(left: &Value, right: &Value) -> Result<bool, Stop> {
    if let (Some(left), Some(right)) = (integer(left), integer(right)) {
        return Ok(left == right);
    }
    match (left, right) {
        (Value::Unknown(reason), _) | (_, Value::Unknown(reason)) => Err(Stop::Undecidable(reason.clone())),
        (Value::Tuple(left), Value::Tuple(right)) | (Value::List(left), Value::List(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            let mut undecided = None;
            for (left, right) in left.iter().zip(right) {
                match equal(left, right) {
                    Ok(true) => {}
                    Ok(false) => return Ok(false),
                    Err(stop) => undecided = undecided.or(Some(stop)),
                }
            }
            undecided.map_or(Ok(true), Err)
        }
        (Value::Path(_) | Value::Method(..), _) | (_, Value::Path(_) | Value::Method(..)) => {
            Err(not_modelled("comparing functions"))
        }
        (left, right) => Ok(left == right),
    }
}

fn order(left: &Value, right: &Value) -> Result<Ordering, Stop> {
    if let (Some(left), Some(right)) = (integer(left), integer(right)) {
        return Ok(left.cmp(&right));
    }
    match (left, right) {
        (Value::Unknown(reason), _) | (_, Value::Unknown(reason)) => Err(Stop::Undecidable(reason.clone())),
        (Value::Text(left), Value::Text(right)) => Ok(left.cmp(right)),
        (Value::Tuple(left), Value::Tuple(right)) | (Value::List(left), Value::List(right)) => {
            for (left, right) in left.iter().zip(right) {
                if !equal(left, right)? {
                    return order(left, right);
                }
            }
            Ok(left.len().cmp(&right.len()))
        }
        (Value::Path(_) | Value::Method(..), _) | (_, Value::Path(_) | Value::Method(..)) => {
            Err(not_modelled("comparing functions"))
        }
        _ => Err(Stop::Error("values of different types have no order".to_owned())),
    }
}
