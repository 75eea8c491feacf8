//! Python expressions in conditions: parsed by hand, evaluated with three truth values. Only pure comparisons of what
//! zc.buildout's `_default_globals` offers are modelled; no code is ever run.

use super::{
    MAX_DEPTH, Stop,
    python_names::{attribute, call, name},
    python_value::{Value, arithmetic, compare, subscript},
    tokens::{Token, tokens},
};
use crate::definition::buildout::facts::TargetFacts;

/// Tokens of a condition that are looked at; the longest of the known corpus has 30.
const MAX_TOKENS: usize = 500;

const COMPARISONS: &[&str] = &["==", "!=", "<=", ">=", "<", ">"];
/// Words of Python that no modelled expression holds.
const OTHER_KEYWORDS: &[&str] = &["if", "else", "for", "lambda", "await", "yield", "async"];

#[derive(Debug)]
enum Expression {
    Value(Value),
    Name(String),
    Attribute(Box<Expression>, String),
    Call(Box<Expression>, Vec<Expression>),
    Index(Box<Expression>, Box<Expression>),
    Slice(Box<Expression>, Option<Box<Expression>>, Option<Box<Expression>>),
    List(Vec<Expression>),
    Tuple(Vec<Expression>),
    Not(Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Compare(Box<Expression>, Vec<(&'static str, Expression)>),
    Arithmetic(&'static str, Box<Expression>, Box<Expression>),
}

/// `eval(text)[0]` as a truth value.
pub(super) fn evaluate(text: &str, facts: &TargetFacts) -> Result<bool, Stop> {
    let tokens = tokens(text)?;
    if tokens.len() > MAX_TOKENS {
        return Err(Stop::Undecidable("it is too long".to_owned()));
    }
    let mut parser = Parser { tokens: &tokens, position: 0, depth: 0 };
    let parsed = parser.alternative().and_then(|expression| parser.end().map(|()| expression));
    let expression = parsed.map_err(|stop| match stop {
        Stop::Error(_) if tokens.iter().any(is_not_modelled) => {
            Stop::Undecidable("this part of Python is not modelled".to_owned())
        }
        stop => stop,
    })?;
    match expression {
        Expression::List(mut items) if !items.is_empty() => {
            values(&items, facts)?;
            truth(&items.swap_remove(0), facts)
        }
        other => subscript(&value(&other, facts)?, &Value::Int(0)).and_then(|value| value.truth()),
    }
}

fn is_not_modelled(token: &Token) -> bool {
    match token {
        Token::Name(name) => OTHER_KEYWORDS.contains(&name.as_str()),
        Token::Symbol(symbol) => {
            matches!(*symbol, "{" | "}" | ":" | "*" | "/" | "//" | "%" | "&" | "|" | "^" | "~" | "<<" | ">>" | "=")
        }
        Token::Number(_) | Token::Text(_) => false,
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    position: usize,
    depth: usize,
}

impl Parser<'_> {
    fn symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.tokens.get(self.position), Some(Token::Symbol(next)) if *next == symbol);
        self.position += usize::from(found);
        found
    }

    fn keyword(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.position), Some(Token::Name(next)) if next == word);
        self.position += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), Stop> {
        if self.symbol(symbol) { Ok(()) } else { Err(Stop::Error(format!("`{symbol}` is missing"))) }
    }

    fn end(&self) -> Result<(), Stop> {
        if self.position == self.tokens.len() {
            Ok(())
        } else {
            Err(Stop::Error("it is no Python expression".to_owned()))
        }
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        if self.depth >= MAX_DEPTH {
            return Err(Stop::Undecidable("it is nested too deeply".to_owned()));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    fn alternative(&mut self) -> Result<Expression, Stop> {
        let mut items = vec![self.conjunction()?];
        while self.keyword("or") {
            items.push(self.conjunction()?);
        }
        Ok(if items.len() == 1 { items.swap_remove(0) } else { Expression::Or(items) })
    }

    fn conjunction(&mut self) -> Result<Expression, Stop> {
        let mut items = vec![self.negation()?];
        while self.keyword("and") {
            items.push(self.negation()?);
        }
        Ok(if items.len() == 1 { items.swap_remove(0) } else { Expression::And(items) })
    }

    fn negation(&mut self) -> Result<Expression, Stop> {
        if self.keyword("not") {
            return self.deeper(|parser| Ok(Expression::Not(Box::new(parser.negation()?))));
        }
        let first = self.sum()?;
        let mut rest = Vec::new();
        while let Some(operator) = self.comparison() {
            rest.push((operator, self.sum()?));
        }
        Ok(if rest.is_empty() { first } else { Expression::Compare(Box::new(first), rest) })
    }

    fn comparison(&mut self) -> Option<&'static str> {
        if let Some(operator) = COMPARISONS.iter().find(|operator| self.symbol(operator)) {
            return Some(operator);
        }
        if self.keyword("in") {
            return Some("in");
        }
        let before = self.position;
        if self.keyword("not") {
            if self.keyword("in") {
                return Some("not in");
            }
            self.position = before;
        }
        if self.keyword("is") {
            return Some(if self.keyword("not") { "is not" } else { "is" });
        }
        None
    }

    fn sum(&mut self) -> Result<Expression, Stop> {
        let mut left = self.power()?;
        loop {
            let operator = if self.symbol("+") {
                "+"
            } else if self.symbol("-") {
                "-"
            } else {
                return Ok(left);
            };
            left = Expression::Arithmetic(operator, Box::new(left), Box::new(self.power()?));
        }
    }

    fn power(&mut self) -> Result<Expression, Stop> {
        if self.symbol("+") {
            let operand = self.deeper(Self::power)?;
            return Ok(Expression::Arithmetic("+", Box::new(Expression::Value(Value::Int(0))), Box::new(operand)));
        }
        if self.symbol("-") {
            let operand = self.deeper(Self::power)?;
            return Ok(Expression::Arithmetic("-", Box::new(Expression::Value(Value::Int(0))), Box::new(operand)));
        }
        let base = self.postfix()?;
        if self.symbol("**") {
            let exponent = self.deeper(Self::power)?;
            return Ok(Expression::Arithmetic("**", Box::new(base), Box::new(exponent)));
        }
        Ok(base)
    }

    fn postfix(&mut self) -> Result<Expression, Stop> {
        let mut result = self.primary()?;
        loop {
            if self.symbol(".") {
                let Some(Token::Name(name)) = self.tokens.get(self.position) else {
                    return Err(Stop::Error("a name is missing after `.`".to_owned()));
                };
                self.position += 1;
                result = Expression::Attribute(Box::new(result), name.clone());
            } else if self.symbol("(") {
                let arguments = self.deeper(|parser| parser.items(")"))?.0;
                result = Expression::Call(Box::new(result), arguments);
            } else if self.symbol("[") {
                result = self.deeper(|parser| parser.subscript(result))?;
            } else {
                return Ok(result);
            }
        }
    }

    fn subscript(&mut self, of: Expression) -> Result<Expression, Stop> {
        let start = if self.symbol(":") { None } else { Some(Box::new(self.alternative()?)) };
        let slice = start.is_none() || self.symbol(":");
        if !slice {
            self.expect("]")?;
            return match start {
                Some(index) => Ok(Expression::Index(Box::new(of), index)),
                None => Err(Stop::Error("an index is missing".to_owned())),
            };
        }
        if self.symbol("]") {
            return Ok(Expression::Slice(Box::new(of), start, None));
        }
        let end = Some(Box::new(self.alternative()?));
        self.expect("]")?;
        Ok(Expression::Slice(Box::new(of), start, end))
    }

    /// Items up to the closing symbol, and whether a comma stood between or after them.
    fn items(&mut self, close: &str) -> Result<(Vec<Expression>, Commas), Stop> {
        let mut items = Vec::new();
        let mut commas = Commas::None;
        while !self.symbol(close) {
            items.push(self.alternative()?);
            if self.symbol(",") {
                commas = Commas::Some;
            } else {
                self.expect(close)?;
                break;
            }
        }
        Ok((items, commas))
    }

    fn primary(&mut self) -> Result<Expression, Stop> {
        let Some(token) = self.tokens.get(self.position) else {
            return Err(Stop::Error("it ends too early".to_owned()));
        };
        self.position += 1;
        match token {
            Token::Number(number) => Ok(Expression::Value(Value::Int(*number))),
            Token::Text(text) => {
                let mut text = text.clone();
                while let Some(Token::Text(more)) = self.tokens.get(self.position) {
                    text.push_str(more);
                    self.position += 1;
                }
                Ok(Expression::Value(Value::Text(text)))
            }
            Token::Name(name) => match name.as_str() {
                "True" => Ok(Expression::Value(Value::Bool(true))),
                "False" => Ok(Expression::Value(Value::Bool(false))),
                "None" => Ok(Expression::Value(Value::None)),
                "and" | "or" | "not" | "in" | "is" => Err(Stop::Error(format!("`{name}` is misplaced"))),
                name => Ok(Expression::Name(name.to_owned())),
            },
            Token::Symbol("[") => Ok(Expression::List(self.deeper(|parser| parser.items("]"))?.0)),
            Token::Symbol("(") => {
                let (mut items, commas) = self.deeper(|parser| parser.items(")"))?;
                match commas {
                    Commas::None if items.len() == 1 => Ok(items.swap_remove(0)),
                    Commas::None | Commas::Some => Ok(Expression::Tuple(items)),
                }
            }
            Token::Symbol(symbol) => Err(Stop::Error(format!("`{symbol}` is misplaced"))),
        }
    }
}

enum Commas {
    None,
    Some,
}

/// Truth of an expression; an unknown operand of `and` and `or` does not matter where the other one decides.
fn truth(expression: &Expression, facts: &TargetFacts) -> Result<bool, Stop> {
    match expression {
        Expression::And(items) => decide(items, false, facts),
        Expression::Or(items) => decide(items, true, facts),
        Expression::Not(inner) => truth(inner, facts).map(|truth| !truth),
        other => value(other, facts)?.truth(),
    }
}

/// `and` and `or`: the first operand with the `decisive` truth ends it.
fn decide(items: &[Expression], decisive: bool, facts: &TargetFacts) -> Result<bool, Stop> {
    let mut undecided: Option<Stop> = None;
    for item in items {
        match (truth(item, facts), &undecided) {
            (Ok(truth), _) if truth == decisive => return Ok(decisive),
            (Ok(_), _) => {}
            (Err(Stop::Error(reason)), None) => return Err(Stop::Error(reason)),
            // Python may never come here.
            (Err(Stop::Error(_)), Some(_)) => break,
            (Err(stop), _) => undecided = undecided.or(Some(stop)),
        }
    }
    undecided.map_or(Ok(!decisive), Err)
}

fn value(expression: &Expression, facts: &TargetFacts) -> Result<Value, Stop> {
    match expression {
        Expression::Value(value) => Ok(value.clone()),
        Expression::Name(text) => name(text, facts),
        Expression::Attribute(of, attribute_name) => attribute(&value(of, facts)?, attribute_name, facts),
        Expression::Call(function, arguments) => call(&value(function, facts)?, &values(arguments, facts)?, facts),
        Expression::Index(of, index) => subscript(&value(of, facts)?, &value(index, facts)?),
        Expression::Slice(of, start, end) => {
            let bound = |bound: &Option<Box<Expression>>| match bound {
                Some(expression) => value(expression, facts).map(Some),
                None => Ok(None),
            };
            value(of, facts)?.slice(bound(start)?.as_ref(), bound(end)?.as_ref())
        }
        Expression::List(items) => Ok(Value::List(values(items, facts)?)),
        Expression::Tuple(items) => Ok(Value::Tuple(values(items, facts)?)),
        Expression::Not(_) => truth(expression, facts).map(Value::Bool),
        Expression::And(items) => operand(items, false, facts),
        Expression::Or(items) => operand(items, true, facts),
        Expression::Compare(first, rest) => {
            let mut left = value(first, facts)?;
            for (operator, right) in rest {
                let right = value(right, facts)?;
                if !compare(&left, operator, &right)? {
                    return Ok(Value::Bool(false));
                }
                left = right;
            }
            Ok(Value::Bool(true))
        }
        Expression::Arithmetic(operator, left, right) => {
            arithmetic(operator, &value(left, facts)?, &value(right, facts)?)
        }
    }
}

fn values(items: &[Expression], facts: &TargetFacts) -> Result<Vec<Value>, Stop> {
    items
        .iter()
        .map(|item| match value(item, facts) {
            Err(Stop::Undecidable(reason)) => Ok(Value::Unknown(reason)),
            other => other,
        })
        .collect()
}

/// The operand that `and` or `or` gives.
fn operand(items: &[Expression], decisive: bool, facts: &TargetFacts) -> Result<Value, Stop> {
    let mut last = Value::Bool(!decisive);
    for item in items {
        last = value(item, facts)?;
        if last.truth()? == decisive {
            break;
        }
    }
    Ok(last)
}
