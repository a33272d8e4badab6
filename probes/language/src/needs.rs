//! What a step must find set before it can be sent, and who can set it anew.

use std::collections::BTreeSet;

use crate::expect::{Check, Expectations};
use crate::expression::Name;
use crate::journey::{Act, Body, FragmentUse, Header, HeaderOrigin, Journey, Need, Step, Url};
use crate::multipart::PartContent;
use crate::template::Template;

impl Journey {
    /// The actors' variables that must be set before `actor` can perform `step`. Built-ins and
    /// the journey's constants are always set and are not among them.
    pub fn needs(&self, step: &Step, actor: usize) -> BTreeSet<Need> {
        let mut needs = BTreeSet::new();
        step.each_name(&mut |name| needs.extend(self.need(name, actor)));
        needs
    }

    /// The `use` that sets this variable of this actor: to pay cleanup after a crash its steps
    /// are performed again.
    pub fn fragment_giving(&self, need: &Need) -> Option<&FragmentUse> {
        self.uses
            .iter()
            .find(|used| used.actors.contains(&need.actor) && used.gives.contains(&need.name))
    }

    /// Whose variable a name is, if it is an actor's.
    pub(crate) fn need(&self, name: &Name, actor: usize) -> Option<Need> {
        let root = name.path.first()?;
        let other = self
            .actors
            .iter()
            .position(|other| other.name.as_str() == root);
        match (other, root.as_str()) {
            (Some(other), _) => Some(Need {
                actor: other,
                name: name.path.get(1)?.clone(),
            }),
            (None, "target" | "run") => None,
            (None, root) if self.vars.iter().any(|(var, _)| var == root) => None,
            (None, root) => Some(Need {
                actor,
                name: root.to_owned(),
            }),
        }
    }
}

impl Step {
    /// Calls `visit` with every name that must be set: all but those of default headers.
    pub(crate) fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a Name)) {
        match &self.act {
            Act::Http(act) => {
                url_names(&act.url, visit);
                header_names(&act.headers, visit);
                act.query
                    .iter()
                    .for_each(|(_, value)| value.each_name(visit));
                for part in act.client.iter().flat_map(|c| [&c.id, &c.secret]) {
                    part.names().for_each(&mut *visit);
                }
                body_names(&act.body, visit);
            }
            Act::Grpc(act) => {
                url_names(&act.url, visit);
                header_names(&act.headers, visit);
                act.message.each_name(visit);
            }
            Act::Open(act) => {
                url_names(&act.url, visit);
                header_names(&act.headers, visit);
                act.query
                    .iter()
                    .for_each(|(_, value)| value.each_name(visit));
            }
            Act::Send { body, .. } => body_names(body, visit),
            Act::Receive { filter, .. } => filter.each_name(visit),
            Act::Close { .. } => {}
            Act::Net(act) => act.each_name(visit),
        }
        self.expect.each_name(visit);
        self.fail_if.each_name(visit);
        if let Some(when) = &self.when {
            when.names().iter().for_each(visit);
        }
    }
}

impl Expectations {
    pub(crate) fn each_name<'a>(&'a self, visit: &mut dyn FnMut(&'a Name)) {
        for expectation in &self.all {
            expectation
                .checks
                .iter()
                .for_each(|check| check_names(check, visit));
        }
    }
}

fn url_names<'a>(url: &'a Url, visit: &mut dyn FnMut(&'a Name)) {
    url.base
        .iter()
        .flat_map(|base| base.names())
        .for_each(&mut *visit);
    url.rest.names().for_each(visit);
}

fn header_names<'a>(headers: &'a [Header], visit: &mut dyn FnMut(&'a Name)) {
    headers
        .iter()
        .filter(|header| header.origin == HeaderOrigin::Step)
        .flat_map(|header| header.value.names())
        .for_each(visit);
}

fn body_names<'a>(body: &'a Body, visit: &mut dyn FnMut(&'a Name)) {
    match body {
        Body::Empty | Body::Bytes(_) | Body::Generated(_) => {}
        Body::Json(value) => value.each_name(visit),
        Body::Form(pairs) => pairs.iter().for_each(|(_, value)| value.each_name(visit)),
        Body::Multipart(parts) => {
            for part in parts {
                part.file
                    .iter()
                    .flat_map(Template::names)
                    .for_each(&mut *visit);
                match &part.content {
                    PartContent::Text(value) | PartContent::Json(value) => value.each_name(visit),
                    PartContent::Generated(_) => {}
                }
            }
        }
        Body::Text(template) => template.names().for_each(visit),
    }
}

fn check_names<'a>(check: &'a Check, visit: &mut dyn FnMut(&'a Name)) {
    match check {
        Check::Equals(value)
        | Check::Min(value)
        | Check::Max(value)
        | Check::Contains(value)
        | Check::StartsWith(value) => value.each_name(visit),
        Check::In(options) => options.iter().for_each(|option| option.each_name(visit)),
        Check::Count(checks) | Check::Not(checks) => {
            checks.iter().for_each(|check| check_names(check, visit));
        }
        Check::Is(_)
        | Check::Status(_)
        | Check::GrpcStatus(_)
        | Check::Slower(_)
        | Check::Faster(_)
        | Check::Matches(_)
        | Check::Exists(_) => {}
    }
}
