//! From text to path.

use bigdecimal::BigDecimal;
use connect_core::data::Value;

use super::lexer::{Lexer, Token};
use super::{Condition, JsonPath, Operand, Operator, Source, Step};

/// Brackets and negations inside each other that a condition may have; more would exhaust the stack.
const DEPTH_LIMIT: usize = 64;

/// Parses a whole path.
pub(super) fn parse(text: &str) -> Result<JsonPath, String> {
    let mut parser = Parser { lexer: Lexer::new(text), depth: 0 };
    parser.expect("$")?;
    let (path, counts) = parser.path()?;
    match parser.lexer.next()? {
        None if !counts => Ok(path),
        None => Err("a function cannot stand at the end of the path".to_owned()),
        Some(token) => Err(parser.unexpected(&token, "the end")),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    depth: usize,
}

impl Parser<'_> {
    /// Parses steps up to what is none. Tells whether a counting function ended them.
    fn path(&mut self) -> Result<(JsonPath, bool), String> {
        let mut steps = Vec::new();
        loop {
            match self.lexer.peek()? {
                Some(Token::Sign("..")) => {
                    self.lexer.next()?;
                    steps.push(Step::Deep);
                    if self.lexer.peek()? != Some(Token::Sign("[")) {
                        steps.push(self.dotted()?);
                    }
                }
                Some(Token::Sign(".")) => {
                    self.lexer.next()?;
                    let step = self.dotted()?;
                    if self.takes("(")? {
                        self.expect(")")?;
                        return match &step {
                            Step::Names(names) if matches!(names[0].as_str(), "length" | "size") => {
                                Ok((JsonPath { steps }, true))
                            }
                            _ => Err("only the functions length() and size() are known".to_owned()),
                        };
                    }
                    steps.push(step);
                }
                Some(Token::Sign("[")) => {
                    self.lexer.next()?;
                    steps.push(self.bracketed()?);
                }
                _ => return Ok((JsonPath { steps }, false)),
            }
        }
    }

    fn dotted(&mut self) -> Result<Step, String> {
        match self.taken("a name")? {
            Token::Sign("*") => Ok(Step::Every),
            Token::Name(name) | Token::Number(name) => Ok(Step::Names(vec![name])),
            token => Err(self.unexpected(&token, "a name")),
        }
    }

    fn bracketed(&mut self) -> Result<Step, String> {
        let step = match self.lexer.peek()? {
            Some(Token::Sign("*")) => {
                self.lexer.next()?;
                Step::Every
            }
            Some(Token::Sign("?")) => {
                self.lexer.next()?;
                self.expect("(")?;
                let condition = self.any()?;
                self.expect(")")?;
                Step::Filter(condition)
            }
            Some(Token::Text(_)) => Step::Names(self.names()?),
            _ => self.indexes()?,
        };
        self.expect("]")?;
        Ok(step)
    }

    fn names(&mut self) -> Result<Vec<String>, String> {
        let mut names = Vec::new();
        loop {
            match self.taken("a name in quotes")? {
                Token::Text(name) => names.push(name),
                token => return Err(self.unexpected(&token, "a name in quotes")),
            }
            if !self.takes(",")? {
                return Ok(names);
            }
        }
    }

    fn indexes(&mut self) -> Result<Step, String> {
        let first = self.index()?;
        if self.takes(":")? {
            return Ok(Step::Slice(first, self.index()?));
        }
        let mut indexes =
            vec![first.ok_or("an index, a name in quotes, `*` or `?` is expected in brackets")?];
        while self.takes(",")? {
            indexes.push(self.index()?.ok_or("an index is expected after a comma")?);
        }
        Ok(Step::Indexes(indexes))
    }

    fn index(&mut self) -> Result<Option<i64>, String> {
        let Some(Token::Number(text)) = self.lexer.peek()? else { return Ok(None) };
        self.lexer.next()?;
        text.parse().map(Some).map_err(|_| format!("`{text}` is no index"))
    }

    fn any(&mut self) -> Result<Condition, String> {
        let mut conditions = vec![self.all()?];
        while self.takes("||")? {
            conditions.push(self.all()?);
        }
        Ok(one_or(conditions, Condition::Any))
    }

    fn all(&mut self) -> Result<Condition, String> {
        let mut conditions = vec![self.single()?];
        while self.takes("&&")? {
            conditions.push(self.single()?);
        }
        Ok(one_or(conditions, Condition::All))
    }

    fn single(&mut self) -> Result<Condition, String> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(format!("more than {DEPTH_LIMIT} conditions stand inside each other"));
        }
        let condition = if self.takes("!")? {
            Condition::Not(Box::new(self.single()?))
        } else if self.takes("(")? {
            let inner = self.any()?;
            self.expect(")")?;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Condition, String> {
        let left = self.operand()?;
        let Some(operator) = self.operator()? else {
            return match left {
                Operand::Path(source) => Ok(Condition::Exists(source)),
                _ => Err("a value alone is no condition".to_owned()),
            };
        };
        let right = self.operand()?;
        let is_regex = matches!(right, Operand::Regex(_)) || matches!(left, Operand::Regex(_));
        if (operator == Operator::Matches) != is_regex {
            return Err("`=~` and a regular expression between slashes belong together".to_owned());
        }
        Ok(Condition::Compare(left, operator, right))
    }

    fn operator(&mut self) -> Result<Option<Operator>, String> {
        let operator = match self.lexer.peek()? {
            Some(Token::Sign("==")) => Operator::Equal,
            Some(Token::Sign("!=")) => Operator::NotEqual,
            Some(Token::Sign("<")) => Operator::Less,
            Some(Token::Sign("<=")) => Operator::LessOrEqual,
            Some(Token::Sign(">")) => Operator::Greater,
            Some(Token::Sign(">=")) => Operator::GreaterOrEqual,
            Some(Token::Sign("=~")) => Operator::Matches,
            Some(Token::Name(name)) => match name.to_ascii_lowercase().as_str() {
                "in" => Operator::In,
                "nin" => Operator::NotIn,
                "contains" => Operator::Contains,
                "size" => Operator::Size,
                "empty" => Operator::Empty,
                "anyof" => Operator::AnyOf,
                "noneof" => Operator::NoneOf,
                "subsetof" => Operator::SubsetOf,
                _ => return Err(format!("`{name}` is no operator")),
            },
            _ => return Ok(None),
        };
        self.lexer.next()?;
        Ok(Some(operator))
    }

    fn operand(&mut self) -> Result<Operand, String> {
        match self.taken("a value or a path")? {
            Token::Sign(sign @ ("$" | "@")) => {
                let (path, counts) = self.path()?;
                Ok(Operand::Path(Source { is_root: sign == "$", path, counts }))
            }
            Token::Sign("[") => {
                let mut items = Vec::new();
                if !self.takes("]")? {
                    loop {
                        let token = self.taken("a value")?;
                        items.push(self.literal(token)?);
                        if !self.takes(",")? {
                            break;
                        }
                    }
                    self.expect("]")?;
                }
                Ok(Operand::List(items))
            }
            Token::Regex(pattern, flags) => regex(&pattern, &flags),
            token => self.literal(token).map(Operand::Literal),
        }
    }

    fn literal(&self, token: Token) -> Result<Value, String> {
        match token {
            Token::Text(text) => Ok(Value::string(text)),
            Token::Number(text) => match text.parse::<i64>() {
                Ok(number) => Ok(Value::Int64(number)),
                Err(_) => text
                    .parse()
                    .map(Value::Decimal)
                    .map_err(|_: <BigDecimal as std::str::FromStr>::Err| format!("`{text}` is no number")),
            },
            Token::Name(name) => match name.as_str() {
                "true" => Ok(Value::Boolean(true)),
                "false" => Ok(Value::Boolean(false)),
                "null" => Ok(Value::Null),
                _ => Err(format!("`{name}` is no value: a text stands in quotes, a field after `@.`")),
            },
            token => Err(self.unexpected(&token, "a value")),
        }
    }

    fn taken(&mut self, wanted: &str) -> Result<Token, String> {
        self.lexer.next()?.ok_or_else(|| format!("{wanted} is missing at the end"))
    }

    fn takes(&mut self, sign: &'static str) -> Result<bool, String> {
        let is_next = self.lexer.peek()? == Some(Token::Sign(sign));
        if is_next {
            self.lexer.next()?;
        }
        Ok(is_next)
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), String> {
        match self.lexer.next()? {
            Some(Token::Sign(found)) if found == sign => Ok(()),
            Some(token) => Err(self.unexpected(&token, &format!("`{sign}`"))),
            None => Err(format!("`{sign}` is missing at the end")),
        }
    }

    fn unexpected(&self, token: &Token, wanted: &str) -> String {
        let found = match token {
            Token::Text(text) | Token::Number(text) | Token::Name(text) | Token::Regex(text, _) => {
                text.as_str()
            }
            Token::Sign(sign) => sign,
        };
        format!("{wanted} is expected before position {}, not `{found}`", self.lexer.position())
    }
}

fn one_or(mut conditions: Vec<Condition>, many: fn(Vec<Condition>) -> Condition) -> Condition {
    if conditions.len() == 1 { conditions.remove(0) } else { many(conditions) }
}

/// Returns a regular expression that must match all of a text, as Java's `Matcher.matches`.
fn regex(pattern: &str, flags: &str) -> Result<Operand, String> {
    let mut switches = String::new();
    for flag in flags.chars() {
        match flag {
            'i' | 'm' | 's' | 'x' => switches.push(flag),
            'u' | 'U' => {}
            other => return Err(format!("the flag `{other}` of a regular expression is unknown")),
        }
    }
    let switches = if switches.is_empty() { String::new() } else { format!("(?{switches})") };
    let regex = fancy_regex::Regex::new(&format!("{switches}\\A(?:{pattern})\\z"))
        .map_err(|error| format!("`{pattern}` is no regular expression: {error}"))?;
    Ok(Operand::Regex(Box::new(regex)))
}
