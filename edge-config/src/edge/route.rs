//! `[[route]]`.

use tidegate_route::{Destination, Function, Matches};

use super::reading::Reading;
use super::{Route, conditions, defaults, destination, names, policies, rewrite};
use crate::reader::{Place, Table};
use crate::shape::{Field, Shape};

/// What `[[route]]` may hold.
pub(super) static SHAPE: Shape = Shape::new(
    "route",
    "Which requests go where. Of the routes that fit a request the most specific one gets it, wherever it stands.",
    &[
        &[Field::new("name", names::NAME, "Its name, in metrics, logs and `tidegate explain`. Unique.").required()],
        conditions::FIELDS,
        destination::FIELDS,
        destination::SPLIT_FIELDS,
        rewrite::FIELDS,
        defaults::OF_ROUTES,
        policies::OF_ROUTES,
    ],
)
.one_of(destination::ONE_OF)
.needs(&[("sticky", "split")]);

/// An entry of the table of routes, and where it comes from.
pub(super) struct Entry<'t> {
    pub matches: Matches,
    pub route: Route,
    pub place: Place<'t>,
    /// Whether the route has others too, for other hosts or paths.
    pub is_one_of_many: bool,
}

impl<'t> Reading<'_, 't> {
    /// Reads one route: an entry for each of its hosts and paths.
    pub(super) fn route(&mut self, mut table: Table<'t>) {
        let place = table.place().clone();
        let name = table.require("name", "name = \"...\", for metrics and logs");
        let name = name.and_then(|value| self.routes.claim(&value));
        let places = conditions::read(&mut table);
        let captured = places.names();
        let to = self.destination(&mut table, &captured);
        let rewrite = self.rewrite(&mut table, to.as_ref(), &captured);
        let max_request_body = table.optional_size("max_request_body").unwrap_or(self.defaults.max_request_body);
        let limits = self.limits.of_route(&mut table);
        let cache = self.caching.of_route(&mut table, to.as_ref());
        policies::reject_others(&mut table);
        table.finish();

        let (Some(name), Some(to)) = (name, to) else {
            return;
        };
        for destination in to.destinations() {
            match destination {
                Destination::Function(Function::Any) => self.any_function = true,
                Destination::Function(Function::Named(name)) => {
                    self.functions.insert(name.clone());
                }
                _ => {}
            }
        }
        let source = place.source();
        let max_request_body = max_request_body.bytes();
        let route = Route { name: name.into(), to, rewrite, limits, cache, max_request_body, source };
        let all: Vec<_> = places.matches().collect();
        let is_one_of_many = all.len() > 1;
        let entry = |matches| Entry { matches, route: route.clone(), place: place.clone(), is_one_of_many };
        self.entries.extend(all.into_iter().map(entry));
    }
}
