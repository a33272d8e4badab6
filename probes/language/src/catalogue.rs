//! Reads the catalogue: services and features, references checked with their places.

use std::collections::HashMap;

use bongsu_model::{
    Catalogue, CatalogueError, Dependency, DependencyStrength, Feature, FeatureId, Names, Paid,
    Rank, Service, ServiceId,
};

use crate::diagnostic::Diagnostic;
use crate::document::{Node, NodeValue, Table, parse_document};
use crate::keys::{self, did_you_mean};
use crate::parser::Parser;
use crate::rule::Rule;
use crate::source::{Position, Source, SourceFile};

/// Reads a catalogue.
///
/// # Errors
/// Every mistake of the file, in file order.
pub fn load_catalogue(file: &SourceFile) -> Result<Catalogue, Vec<Diagnostic>> {
    let source = Source::new(file);
    let table = parse_document(&source)?;
    let mut parser = Parser::new(&source);
    let catalogue = parse_catalogue(&mut parser, &table);
    let mut diagnostics = parser.diagnostics;
    diagnostics.sort_by_key(|diagnostic| diagnostic.position.span.start);
    match catalogue {
        Some(catalogue) if !diagnostics.iter().any(Diagnostic::is_error) => Ok(catalogue),
        _ => Err(diagnostics),
    }
}

pub(crate) fn parse_catalogue(parser: &mut Parser<'_>, table: &Table) -> Option<Catalogue> {
    parser.check_keys(table, &(0..0), &keys::CATALOGUE);
    parser.check_format(table);
    let services: Vec<PlacedService> = table
        .tables("service")
        .into_iter()
        .filter_map(|(table, node)| parser.service(table, node))
        .collect();
    let features: Vec<Placed> = table
        .tables("feature")
        .into_iter()
        .filter_map(|(table, node)| parser.feature(table, node))
        .collect();
    if parser.diagnostics.iter().any(Diagnostic::is_error) {
        return None;
    }
    check_references(parser, &services, &features);
    if parser.diagnostics.iter().any(Diagnostic::is_error) {
        return None;
    }
    let services = services.into_iter().map(|placed| placed.service);
    let listed = features.iter().map(|placed| placed.feature.clone());
    match Catalogue::new(services.collect(), listed.collect()) {
        Ok(catalogue) => Some(catalogue),
        Err(error) => {
            let (place, help) = place_of(&error, &features);
            let span = place.map_or(0..0, |position| position.span.clone());
            let _ = parser.error(&span, error.to_string()).help(help);
            None
        }
    }
}

/// Where it stands that features make no catalogue, and how to mend it.
fn place_of<'a>(
    error: &CatalogueError,
    features: &'a [Placed],
) -> (Option<&'a Position>, &'static str) {
    let placed = |id: &FeatureId| features.iter().find(|placed| placed.feature.id == *id);
    match error {
        CatalogueError::Circle(id) => (
            placed(id).map(|placed| &placed.id),
            "no feature rests on itself: take one out of its `depends_on`",
        ),
        CatalogueError::SharedCircle { feature, with } => {
            let place = placed(feature).and_then(|placed| {
                let mut shares = placed.feature.shares.iter().zip(&placed.shares);
                shares.find(|(shared, _)| *shared == with)
            });
            (
                place.map(|(_, position)| position),
                "users miss a part in one feature first: the others name that one, and it names \
                 none of them",
            )
        }
        CatalogueError::ServiceTwice(_)
        | CatalogueError::FeatureTwice(_)
        | CatalogueError::ServiceUnknown { .. }
        | CatalogueError::DependencyUnknown { .. }
        | CatalogueError::SharedUnknown { .. } => {
            (None, "ids are unique, and what is named is listed")
        }
    }
}

/// A service with the place of its id.
struct PlacedService {
    service: Service,
    id: Position,
}

/// A feature with the places of its references.
struct Placed {
    feature: Feature,
    id: Position,
    service: Position,
    depends_on: Vec<Position>,
    shares: Vec<Position>,
}

impl Parser<'_> {
    fn service(&mut self, table: &Table, node: &Node) -> Option<PlacedService> {
        self.check_keys(table, &owner(table, node), &keys::SERVICE);
        let id_node = table.get("id");
        let id = id_node.and_then(|node| self.name(node, ServiceId::new));
        let names = self.names_of(table);
        Some(PlacedService {
            id: self.position(&id_node?.span),
            service: Service {
                id: id?,
                names: names?,
            },
        })
    }

    fn names_of(&mut self, table: &Table) -> Option<Names> {
        let entry = table.entry("names")?;
        let names = entry.node.as_table()?;
        self.check_keys(names, &entry.key_span, &keys::NAMES);
        let (ko, _) = names.text("ko")?;
        let (en, _) = names.text("en")?;
        for (text, key) in [(ko, "ko"), (en, "en")] {
            if text.trim().is_empty() {
                let _ = self
                    .error(&entry.key_span, format!("the name `{key}` is empty"))
                    .help("people read it: write the name that they know");
            }
        }
        Some(Names {
            ko: ko.to_owned(),
            en: en.to_owned(),
        })
    }

    fn feature(&mut self, table: &Table, node: &Node) -> Option<Placed> {
        self.check_keys(table, &owner(table, node), &keys::FEATURE);
        let id_node = table.get("id");
        let id = id_node.and_then(|node| self.name(node, FeatureId::new));
        let names = self.names_of(table);
        let service_node = table.get("service");
        let service = service_node.and_then(|node| self.name(node, ServiceId::new));
        let life_impact = self.rank(table, "life_impact");
        let absence_harm = self.rank(table, "absence_harm");
        let daily_users = self.daily_users(table);
        let paid_words: Vec<_> = Paid::ALL
            .iter()
            .map(|paid| (paid.as_str(), *paid))
            .collect();
        let paid = table
            .get("paid")
            .and_then(|n| self.word(n, "a kind of payment", &paid_words));
        let mut depends_on = Vec::new();
        let mut places = Vec::new();
        for (dependency, node) in table.tables("depends_on") {
            if let Some(dependency) = self.dependency(dependency, node) {
                depends_on.push(dependency);
                places.push(self.position(&node.span));
            }
        }
        let (shares, shared_places) = self.shares(table);
        let objective = self.objective(table);
        Some(Placed {
            id: self.position(&id_node?.span),
            service: self.position(&service_node?.span),
            depends_on: places,
            shares: shared_places,
            feature: Feature {
                id: id?,
                names: names?,
                service: service?,
                life_impact: life_impact?,
                absence_harm: absence_harm?,
                daily_users: daily_users?,
                paid: paid?,
                depends_on,
                shares,
                objective,
            },
        })
    }

    fn shares(&mut self, table: &Table) -> (Vec<FeatureId>, Vec<Position>) {
        let Some(NodeValue::Array(nodes)) = table.get("shares").map(|node| &node.value) else {
            return (Vec::new(), Vec::new());
        };
        let found = nodes.iter().filter_map(|node| {
            let id = self.name(node, FeatureId::new)?;
            Some((id, self.position(&node.span)))
        });
        found.unzip()
    }

    fn rank(&mut self, table: &Table, key: &str) -> Option<Rank> {
        let node = table.get(key)?;
        let rank = u8::try_from(node.as_integer()?).ok().and_then(Rank::new);
        if rank.is_none() {
            let _ = self
                .error(&node.span, format!("`{key}` is a rank from 0 to 3"))
                .help("0 is none, 3 the highest");
        }
        rank
    }

    fn daily_users(&mut self, table: &Table) -> Option<u64> {
        let node = table.get("daily_users")?;
        let users = u64::try_from(node.as_integer()?).ok();
        if users.is_none() {
            let _ = self
                .error(&node.span, "`daily_users` is below zero")
                .help("write how many people use it on a day; 0 if nobody counts");
        }
        users
    }

    fn objective(&mut self, table: &Table) -> Option<f64> {
        let node = table.get("objective")?;
        let objective = match &node.value {
            NodeValue::Float(float) => *float,
            NodeValue::Integer(0) => 0.0,
            NodeValue::Integer(_) => 1.0,
            NodeValue::Text(_)
            | NodeValue::Bool(_)
            | NodeValue::Other(_)
            | NodeValue::Array(_)
            | NodeValue::Table(_) => return None,
        };
        if objective > 0.0 && objective < 1.0 {
            return Some(objective);
        }
        let _ = self
            .error(&node.span, "an objective is above 0 and below 1")
            .help("write 0.999 for 99.9 %");
        None
    }

    fn dependency(&mut self, table: &Table, node: &Node) -> Option<Dependency> {
        self.check_keys(table, &owner(table, node), &keys::DEPENDENCY);
        let words: Vec<_> = DependencyStrength::ALL
            .iter()
            .map(|strength| (strength.as_str(), *strength))
            .collect();
        let strength = match table.get("strength") {
            None => DependencyStrength::Hard,
            Some(node) => self.word(node, "a strength", &words)?,
        };
        let on = table
            .get("feature")
            .and_then(|node| self.name(node, FeatureId::new))?;
        Some(Dependency { on, strength })
    }
}

fn owner(table: &Table, node: &Node) -> std::ops::Range<usize> {
    table
        .entries
        .first()
        .map_or_else(|| node.span.clone(), |entry| entry.key_span.clone())
}

fn check_references(parser: &mut Parser<'_>, services: &[PlacedService], features: &[Placed]) {
    let mut found = Vec::new();
    let ids = services
        .iter()
        .map(|one| (one.service.id.as_str(), &one.id));
    found.extend(listed_twice("service", ids));
    let ids = features
        .iter()
        .map(|one| (one.feature.id.as_str(), &one.id));
    found.extend(listed_twice("feature", ids));
    for placed in features {
        let service = &placed.feature.service;
        let mut known = services.iter().map(|known| &known.service.id);
        if !known.any(|known| known == service) {
            let known = services.iter().map(|known| known.service.id.as_str());
            found.push(unlisted(
                "service",
                service.as_str(),
                &placed.service,
                known,
            ));
        }
        let needed = placed.feature.depends_on.iter().map(|needed| &needed.on);
        let needed = needed.zip(&placed.depends_on);
        let shared = placed.feature.shares.iter().zip(&placed.shares);
        for (other, position) in needed.chain(shared) {
            if !features.iter().any(|known| known.feature.id == *other) {
                let known = features.iter().map(|known| known.feature.id.as_str());
                found.push(unlisted("feature", other.as_str(), position, known));
            }
        }
    }
    parser.diagnostics.extend(found);
}

/// Every id that one before it has taken.
fn listed_twice<'a>(
    kind: &str,
    ids: impl Iterator<Item = (&'a str, &'a Position)>,
) -> Vec<Diagnostic> {
    let mut firsts: HashMap<&str, &Position> = HashMap::new();
    let mut found = Vec::new();
    for (id, position) in ids {
        let first = *firsts.entry(id).or_insert(position);
        if first == position {
            continue;
        }
        found.push(
            Diagnostic::error(position.clone(), format!("{kind} `{id}` is listed twice"))
                .rule(Rule::DuplicateName)
                .related(first.clone(), "the first one")
                .help("remove one of them, or give it another id"),
        );
    }
    found
}

fn unlisted<'a>(
    kind: &str,
    name: &str,
    position: &Position,
    known: impl Iterator<Item = &'a str>,
) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        position.clone(),
        format!("{kind} `{name}` is not listed in this file"),
    )
    .rule(Rule::UnknownReference);
    match did_you_mean(name, known) {
        Some(similar) => diagnostic.help(format!("did you mean `{similar}`?")),
        None => diagnostic.help(format!("add a [[{kind}]] with this id")),
    }
}
