//! A filter → SQL that an index answers.
//!
//! In: a [`Filter`]. Out: a condition on one resource (`t`), which is exactly the filter; and, where
//! the filter says enough, a question for the numbers of all resources that may meet it. That
//! question drives: it finds the few by an index, and the condition is asked of these. Without one,
//! of `not` or of what most people have, resources are walked through in their order, which finds
//! a page of them soon.
//!
//! Values are bound. Texts compare octet by octet, and `co`, `sw` and `ew` are functions and ranges,
//! not patterns: no character of a value means anything to SQL.

use super::index::{self, INDEXED};
use super::row::{Ends, Statement, Value, Words};
use crate::directory::Tenant;
use crate::scim::filter::{Operand, Operator, Target};
use crate::scim::{Filter, Kind, ResourceKind};

/// What a filter became.
#[derive(Debug)]
pub(super) struct Compiled {
    /// What is true of each resource that is meant.
    pub(super) condition: Statement,
    /// What finds them.
    pub(super) driver: Option<Driver>,
    /// Whether it asks the index of values, which has to be up to date then.
    pub(super) by_values: bool,
}

/// The condition, and what drives.
pub(super) fn compile(
    filter: &Filter,
    kind: ResourceKind,
    tenant: &Tenant,
    words: Words,
) -> Compiled {
    let compiler = Compiler { kind, tenant: tenant.as_str(), words };
    let condition = compiler.condition(filter, None);
    Compiled {
        by_values: condition.text.contains("FROM value"),
        condition,
        driver: compiler.driver(filter),
    }
}

/// What is true of each member `m` that a filter between brackets means.
pub(super) fn of_members(filter: &Filter, tenant: &Tenant, words: Words) -> Statement {
    let compiler = Compiler { kind: ResourceKind::Group, tenant: tenant.as_str(), words };
    compiler.condition(filter, Some("m"))
}

/// All resources of a tenant that are there.
pub(super) fn scope(kind: ResourceKind, tenant: &Tenant) -> Statement {
    Statement::new(match kind {
        ResourceKind::User => "t.tenant = ? AND t.tenant < 'd' AND t.deleted_at IS NULL",
        ResourceKind::Group => "t.tenant = ?",
    })
    .with(tenant.as_str())
}

/// The table of these resources.
pub(super) const fn table(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::User => "\"user\" t",
        ResourceKind::Group => "grp t",
    }
}

/// What a resource is sorted by, and whether every one of them has it.
pub(super) fn sorted_by(target: &Target, kind: ResourceKind, tenant: &Tenant) -> (Statement, bool) {
    match column(kind, &target.key) {
        Some(Column::Text { name, optional }) => (Statement::new(name), !optional),
        Some(Column::Time(name) | Column::Truth(name) | Column::Made(name)) => {
            (Statement::new(name), true)
        }
        Some(Column::Literal(_)) => (Statement::new("''"), true),
        None => {
            let key = index::key(tenant.as_str(), &target.key);
            let mut value = Statement::new(
                "(SELECT v.value FROM value v WHERE v.owner = t.number AND v.key = ? ORDER BY ",
            )
            .with(key);
            if let Some(whole) = index::whole(&target.key).filter(|_| target.multi_valued) {
                let primary = index::key(tenant.as_str(), &format!("{whole}.primary"));
                value = value.piece(
                    Statement::new(
                        "CASE WHEN EXISTS (SELECT 1 FROM value p WHERE p.owner = v.owner
                             AND p.key = ? AND p.element = v.element AND p.value = 'true')
                         THEN 0 ELSE 1 END, ",
                    )
                    .with(primary),
                );
            }
            (value.and("v.element LIMIT 1)"), false)
        }
    }
}

/// Whether what a resource is sorted by is a number to the database.
pub(super) fn is_number(target: &Target, kind: ResourceKind) -> bool {
    matches!(
        column(kind, &target.key),
        Some(Column::Time(_) | Column::Truth(_))
    )
}

struct Compiler<'t> {
    kind: ResourceKind,
    tenant: &'t str,
    words: Words,
}

/// What finds those who may be meant.
#[derive(Debug)]
pub(super) struct Driver {
    /// A question for numbers, among which are those of all that are meant.
    pub(super) question: Statement,
    /// How few it is likely to find: less is fewer, and nothing is one at most.
    pub(super) rank: u8,
    /// Whether it finds nobody else.
    pub(super) exact: bool,
}

/// Where an attribute is that every resource has.
enum Column {
    Text {
        name: &'static str,
        optional: bool,
    },
    Time(&'static str),
    Truth(&'static str),
    Literal(&'static str),
    /// Put together from others, and so without an order of its own on PostgreSQL.
    Made(&'static str),
}

fn column(kind: ResourceKind, key: &str) -> Option<Column> {
    let text = |name| Some(Column::Text { name, optional: false });
    match (kind, key) {
        (_, "id") => text("t.id"),
        (_, "externalid") => Some(Column::Text { name: "t.external_id", optional: true }),
        (_, "meta.created") => Some(Column::Time("t.created_at")),
        (_, "meta.lastmodified") => Some(Column::Time("t.changed_at")),
        (_, "meta.version") => Some(Column::Made("'W/\"' || CAST(t.version AS TEXT) || '\"'")),
        (ResourceKind::User, "meta.resourcetype") => Some(Column::Literal("User")),
        (ResourceKind::Group, "meta.resourcetype") => Some(Column::Literal("Group")),
        (ResourceKind::User, "username") => text("t.user_name_key"),
        (ResourceKind::User, "active") => Some(Column::Truth("t.active")),
        (ResourceKind::Group, "displayname") => text("t.display_name_key"),
        _ => None,
    }
}

const ALL: &str = "1 = 1";
const NONE: &str = "1 = 0";
/// The end of EXISTS. SQLite 3.51 makes a join of one without LIMIT, and then OFFSET counts each row
/// that there is instead of each resource.
const ONE: &str = " LIMIT 1)";

impl Compiler<'_> {
    /// `element`: the name of the row of an element that all has to be true of.
    fn condition(&self, filter: &Filter, element: Option<&str>) -> Statement {
        let within = |statement: Statement| Statement::new("(").piece(statement).and(")");
        let each = |filters: &[Filter]| -> Vec<Statement> {
            filters.iter().map(|filter| self.condition(filter, element)).collect()
        };
        match filter {
            Filter::And(filters) => within(Statement::joined(each(filters), " AND ")),
            Filter::Or(filters) => within(Statement::joined(each(filters), " OR ")),
            Filter::Not(inner) => {
                Statement::new("NOT ").piece(within(self.condition(inner, element)))
            }
            Filter::Compare(target, Operator::NotEqual, operand) => {
                let equal = self.leaf(target, Asked::Is(Operator::Equal, operand), element);
                Statement::new("NOT ").piece(within(equal))
            }
            Filter::Compare(target, operator, operand) => {
                self.leaf(target, Asked::Is(*operator, operand), element)
            }
            Filter::Present(target) => self.leaf(target, Asked::IsThere, element),
            Filter::Element(target, inner) => self.element(target, inner),
        }
    }

    fn leaf(&self, target: &Target, asked: Asked<'_>, element: Option<&str>) -> Statement {
        if let Some(part) = self.relation(&target.key) {
            return match element {
                Some(_) => self.related(part, target, asked),
                None => self.in_relation(self.related(part, target, asked)),
            };
        }
        match column(self.kind, &target.key) {
            Some(Column::Text { name, optional }) => self.text_column(name, optional, asked),
            Some(Column::Time(name)) => time_column(name, asked),
            Some(Column::Truth(name)) => truth_column(name, asked),
            Some(Column::Made(name)) => {
                let octets = self.words.octets;
                self.text_column(&format!("(({name}){octets})"), false, asked)
            }
            Some(Column::Literal(text)) => {
                let folded = text.to_ascii_lowercase();
                let text = if target.case_exact { text } else { &folded };
                let octets = self.words.octets;
                self.text_column(&format!("('{text}'{octets})"), false, asked)
            }
            None => self.value(target, asked, element),
        }
    }

    /// A row of the index of values.
    fn value(&self, target: &Target, asked: Asked<'_>, element: Option<&str>) -> Statement {
        let same =
            element.map_or_else(String::new, |row| format!(" AND v.element = {row}.element"));
        let mut key = target.key.as_str();
        let mark = index::marked(key);
        let compared = match asked {
            Asked::Is(operator, operand) => self.compare("v.value", operator, operand),
            Asked::IsThere if target.kind == Kind::Complex && index::whole(key).is_none() => {
                key = &mark;
                Statement::new(ALL)
            }
            Asked::IsThere => Statement::new("v.value <> ''"),
        };
        Statement::new(format!(
            "EXISTS (SELECT 1 FROM value v WHERE v.owner = t.number AND v.key = ?{same} AND "
        ))
        .with(index::key(self.tenant, key))
        .piece(compared)
        .and(ONE)
    }

    /// One element of which all is true.
    fn element(&self, target: &Target, inner: &Filter) -> Statement {
        if self.relation(&target.key).is_some() {
            return self.in_relation(self.condition(inner, Some("m")));
        }
        // Of one comparison alone the row itself is the element.
        if let Filter::Compare(part, operator, operand) = inner
            && *operator != Operator::NotEqual
        {
            return self.value(part, Asked::Is(*operator, operand), None);
        }
        let whole = index::whole(&target.key).unwrap_or(&target.key);
        Statement::new("EXISTS (SELECT 1 FROM value e WHERE e.owner = t.number AND e.key = ? AND ")
            .with(index::key(self.tenant, &index::marked(whole)))
            .piece(self.condition(inner, Some("e")))
            .and(ONE)
    }

    /// Which part of `groups` or `members` it is.
    fn relation<'k>(&self, key: &'k str) -> Option<&'k str> {
        let name = match self.kind {
            ResourceKind::User => "groups",
            ResourceKind::Group => "members",
        };
        match key.strip_prefix(name)? {
            "" => Some("value"),
            part => part.strip_prefix('.'),
        }
    }

    /// A condition on a member `m` of the group, or on a group `m` of the person.
    fn related(&self, part: &str, target: &Target, asked: Asked<'_>) -> Statement {
        let fold = |text: &str| {
            if target.case_exact {
                text.to_owned()
            } else {
                text.to_ascii_lowercase()
            }
        };
        match (self.kind, part) {
            (ResourceKind::Group, "value") => match asked {
                Asked::IsThere => Statement::new(ALL),
                Asked::Is(Operator::Equal, id) => {
                    Statement::new("m.member IN (").piece(self.numbers(id)).and(")")
                }
                Asked::Is(operator, operand) => self.compare(
                    "(CASE WHEN m.member > 0
                          THEN (SELECT u.id FROM \"user\" u WHERE u.number = m.member)
                          ELSE (SELECT g.id FROM grp g WHERE g.number = m.member) END)",
                    operator,
                    operand,
                ),
            },
            (ResourceKind::Group, "type") => {
                let (user, group) = (fold("User"), fold("Group"));
                let octets = self.words.octets;
                let kind =
                    format!("(CASE WHEN m.member > 0 THEN '{user}' ELSE '{group}' END{octets})");
                self.text_column(&kind, false, asked)
            }
            (ResourceKind::User, "value") => self.text_column("m.id", false, asked),
            (ResourceKind::User, "display") => self.text_column("m.display_name_key", false, asked),
            // The address of a resource is nothing that a store knows.
            _ => Statement::new(NONE),
        }
    }

    /// Resources that have a member, or a group, of which this is true.
    fn in_relation(&self, condition: Statement) -> Statement {
        match self.kind {
            ResourceKind::Group => {
                Statement::new("EXISTS (SELECT 1 FROM member m WHERE m.grp = t.number AND ")
                    .piece(condition)
                    .and(ONE)
            }
            ResourceKind::User => {
                Statement::new("t.number IN (").piece(self.people_of(condition)).and(")")
            }
        }
    }

    /// The numbers of all people in groups of which this is true, also by groups in them.
    fn people_of(&self, condition: Statement) -> Statement {
        Statement::new(
            "WITH RECURSIVE inner_group(grp) AS (
                 SELECT m.number FROM grp m WHERE m.tenant = ? AND ",
        )
        .with(self.tenant)
        .piece(condition)
        .and(
            " UNION SELECT n.member FROM inner_group i JOIN member n ON n.grp = i.grp
                  WHERE n.member < 0)
              SELECT n.member FROM inner_group i JOIN member n ON n.grp = i.grp
              WHERE n.member > 0",
        )
    }

    /// The number that has this id.
    fn numbers(&self, id: &Operand) -> Statement {
        Statement::new(
            "SELECT u.number FROM \"user\" u WHERE u.id = ? AND u.tenant = ?
             UNION ALL SELECT g.number FROM grp g WHERE g.id = ? AND g.tenant = ?",
        )
        .with(&id.0)
        .with(self.tenant)
        .with(&id.0)
        .with(self.tenant)
    }

    fn text_column(&self, name: &str, optional: bool, asked: Asked<'_>) -> Statement {
        let compared = match asked {
            Asked::IsThere if optional => return Statement::new(format!("{name} IS NOT NULL")),
            Asked::IsThere => return Statement::new(ALL),
            Asked::Is(operator, operand) => self.compare(name, operator, operand),
        };
        if optional {
            // What is not there is not greater and not less, and its opposite is true.
            Statement::new(format!("({name} IS NOT NULL AND ")).piece(compared).and(")")
        } else {
            compared
        }
    }

    fn compare(&self, what: &str, operator: Operator, operand: &Operand) -> Statement {
        let text = index::kept(&operand.0);
        let simple = |sign: &str| Statement::new(format!("{what} {sign} ?")).with(&text);
        match operator {
            Operator::Equal => simple("="),
            Operator::NotEqual => simple("<>"),
            Operator::Greater => simple(">"),
            Operator::GreaterOrEqual => simple(">="),
            Operator::Less => simple("<"),
            Operator::LessOrEqual => simple("<="),
            Operator::Contains | Operator::StartsWith | Operator::EndsWith if text.is_empty() => {
                Statement::new(ALL)
            }
            Operator::Contains => {
                Statement::new(format!("{}({what}, ?) > 0", self.words.position)).with(&text)
            }
            Operator::StartsWith => match behind(&text) {
                Some(behind) => {
                    Statement::new(format!("({what} >= ? AND {what} < ?)")).with(&text).with(behind)
                }
                None => simple(">="),
            },
            Operator::EndsWith => {
                let length = text.chars().count();
                match self.words.ends {
                    Ends::NegativeSubstr => {
                        Statement::new(format!("substr({what}, -{length}) = ?")).with(&text)
                    }
                    Ends::Right => {
                        Statement::new(format!("right({what}, {length}) = ?")).with(&text)
                    }
                }
            }
        }
    }

    fn driver(&self, filter: &Filter) -> Option<Driver> {
        match filter {
            Filter::And(filters) => {
                let drivers = filters.iter().filter_map(|filter| self.driver(filter));
                let best = drivers.min_by_key(|driver| driver.rank)?;
                Some(Driver { exact: best.exact && filters.len() == 1, ..best })
            }
            Filter::Or(filters) => {
                let drivers: Option<Vec<_>> =
                    filters.iter().map(|filter| self.driver(filter)).collect();
                let drivers = drivers?;
                let rank = drivers.iter().map(|driver| driver.rank).max()?.max(1);
                let exact = drivers.iter().all(|driver| driver.exact);
                let each = |driver: Driver| {
                    // A question that begins with WITH can not stand in a UNION.
                    Statement::new("SELECT * FROM (").piece(driver.question).and(") AS d")
                };
                let questions = drivers.into_iter().map(each).collect();
                let question = Statement::joined(questions, " UNION ALL ");
                Some(Driver { question, rank, exact })
            }
            Filter::Not(_) | Filter::Present(_) => None,
            Filter::Compare(target, operator, operand) => self.drive(target, *operator, operand),
            Filter::Element(target, inner) if self.relation(&target.key).is_some() => {
                match self.kind {
                    ResourceKind::User => Some(Driver {
                        question: self.people_of(self.condition(inner, Some("m"))),
                        rank: 3,
                        exact: true,
                    }),
                    ResourceKind::Group => self.element_driver(inner),
                }
            }
            Filter::Element(_, inner) => self.element_driver(inner),
        }
    }

    /// Of one comparison alone it does not matter that all is meant of one element.
    fn element_driver(&self, inner: &Filter) -> Option<Driver> {
        let driver = self.driver(inner)?;
        let exact = driver.exact && matches!(inner, Filter::Compare(..));
        Some(Driver { exact, ..driver })
    }

    fn drive(&self, target: &Target, operator: Operator, operand: &Operand) -> Option<Driver> {
        let asked = Asked::Is(operator, operand);
        let rank = match operator {
            Operator::Equal => 1,
            Operator::StartsWith if !operand.0.is_empty() => 2,
            Operator::Greater
            | Operator::GreaterOrEqual
            | Operator::Less
            | Operator::LessOrEqual => 4,
            Operator::Contains | Operator::EndsWith if !operand.0.is_empty() => 5,
            _ => return None,
        };
        if let Some(part) = self.relation(&target.key) {
            return match (self.kind, part, operator) {
                (ResourceKind::Group, "value", Operator::Equal) => {
                    let question = Statement::new("SELECT m.grp FROM member m WHERE m.member IN (");
                    Some(Driver {
                        question: question.piece(self.numbers(operand)).and(")"),
                        rank,
                        exact: true,
                    })
                }
                (ResourceKind::User, "value" | "display", _) => {
                    let question = self.people_of(self.related(part, target, asked));
                    Some(Driver { question, rank: 3, exact: true })
                }
                _ => None,
            };
        }
        if let Some(column) = column(self.kind, &target.key) {
            let few = match (&column, target.key.as_str(), operand.0.as_str()) {
                (Column::Made(_), ..) => return None,
                (Column::Text { .. }, _, _) => rank <= 4,
                (Column::Time(_), "meta.lastmodified", _) => operator != Operator::StartsWith,
                (Column::Truth(_), _, "false") => operator == Operator::Equal,
                _ => false,
            };
            let tenant = Tenant::stored(self.tenant.to_owned());
            let question =
                Statement::new(format!("SELECT t.number FROM {} WHERE ", table(self.kind)));
            // A column is unique or nearly so, but for a time and a flag.
            let rank = if matches!(column, Column::Text { .. }) {
                rank.saturating_sub(1)
            } else {
                3
            };
            return few.then(|| Driver {
                question: question
                    .piece(scope(self.kind, &tenant))
                    .and(" AND ")
                    .piece(self.leaf(target, asked, None)),
                rank,
                exact: true,
            });
        }
        if !index::is_alone(&target.key) {
            return None;
        }
        // Most addresses are those of work.
        let rank = if target.key.ends_with(".type") {
            6
        } else {
            rank
        };
        // Users and groups may have attributes of one name.
        let owner = match self.kind {
            ResourceKind::User => "v.owner > 0",
            ResourceKind::Group => "v.owner < 0",
        };
        let question = Statement::new(format!(
            "SELECT v.owner FROM value v WHERE v.key = ? AND v.key > 0 AND {owner} AND "
        ))
        .with(index::key(self.tenant, &target.key));
        let short = operand.0.chars().count() < INDEXED;
        let exact = short && matches!(operator, Operator::Equal | Operator::StartsWith);
        let question = question.piece(self.in_index(operator, operand));
        Some(Driver { question, rank, exact })
    }

    /// What is true in the index of each value that is meant, and perhaps of others that are longer.
    fn in_index(&self, operator: Operator, operand: &Operand) -> Statement {
        let what = format!("substr(v.value, 1, {INDEXED})");
        let short: String = operand.0.chars().take(INDEXED).collect();
        let short = Operand(short);
        match operator {
            Operator::Greater => self.compare(&what, Operator::GreaterOrEqual, &short),
            Operator::Less => self.compare(&what, Operator::LessOrEqual, &short),
            Operator::Contains | Operator::EndsWith => {
                let found = self.compare(&what, operator, operand);
                Statement::new("(")
                    .piece(found)
                    .and(&format!(" OR length({what}) = {INDEXED})"))
            }
            operator => self.compare(&what, operator, &short),
        }
    }
}

/// What is asked of an attribute.
#[derive(Clone, Copy)]
enum Asked<'o> {
    IsThere,
    Is(Operator, &'o Operand),
}

fn time_column(name: &str, asked: Asked<'_>) -> Statement {
    let (operator, operand) = match asked {
        Asked::IsThere => return Statement::new(ALL),
        Asked::Is(operator, operand) => (operator, operand),
    };
    let sign = match operator {
        Operator::Equal => "=",
        Operator::NotEqual => "<>",
        Operator::Greater => ">",
        Operator::GreaterOrEqual => ">=",
        Operator::Less => "<",
        Operator::LessOrEqual => "<=",
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => {
            return Statement::new(NONE);
        }
    };
    // As `comparable` writes an instant.
    match u64::from_str_radix(&operand.0, 16) {
        Ok(bits) => {
            let micros = (bits ^ 1 << 63).cast_signed();
            Statement::new(format!("{name} {sign} ?")).with(Value::Integer(micros))
        }
        Err(_) => Statement::new(NONE),
    }
}

fn truth_column(name: &str, asked: Asked<'_>) -> Statement {
    match asked {
        Asked::IsThere => Statement::new(ALL),
        Asked::Is(operator, operand) => {
            let is = |truth: &str| match operator {
                Operator::Equal => truth == operand.0,
                Operator::NotEqual => truth != operand.0,
                Operator::Contains => truth.contains(&operand.0),
                Operator::StartsWith => truth.starts_with(&operand.0),
                Operator::EndsWith => truth.ends_with(&operand.0),
                Operator::Greater => *truth > *operand.0,
                Operator::GreaterOrEqual => *truth >= *operand.0,
                Operator::Less => *truth < *operand.0,
                Operator::LessOrEqual => *truth <= *operand.0,
            };
            match (is("true"), is("false")) {
                (true, true) => Statement::new(ALL),
                (true, false) => Statement::new(format!("{name} = 1")),
                (false, true) => Statement::new(format!("{name} = 0")),
                (false, false) => Statement::new(NONE),
            }
        }
    }
}

/// The first text behind all that begin with this one.
fn behind(text: &str) -> Option<String> {
    let mut text = text.to_owned();
    while let Some(last) = text.pop() {
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            last => u32::from(last).checked_add(1).and_then(char::from_u32),
        };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_all_that_begin_alike() {
        assert_eq!(behind("ann").as_deref(), Some("ano"));
        assert_eq!(behind("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(behind("\u{10FFFF}"), None);
        assert_eq!(behind("\u{D7FF}").as_deref(), Some("\u{E000}"));
    }
}
