//! The map of users.

use super::chart::{mark, short, swatch};
use super::words::{count, name, percent, plain};
use crate::cli::output::grouped;
use crate::cli::report::Report;
use crate::cli::report::colors::By;
use crate::cli::report::figures::{Map, Point};
use maud::{Markup, html};

/// Units of the map's width; it is as high as users lie apart that way, within bounds.
const WIDTH: f64 = 100.0;
const LOWEST: f64 = 45.0;
/// Units left free at each side.
const MARGIN: f64 = 2.5;

pub(super) fn body(report: &Report) -> Markup {
    let map = &report.map;
    html! {
        @if map.points.is_empty() { p.empty { "Nobody has an embedding yet." } } @else {
            (about(map))
            div.atlas { (picture(map)) (groups(map)) }
        }
    }
}

fn about(map: &Map) -> Markup {
    let both = map.variance[0] + map.variance[1];
    html! {
        p {
            "Users who lie close are alike. These are the two directions in which embeddings vary most (principal components); together they hold "
            (percent(both)) " of the variance, so that much of what tells users apart is not to be seen here. "
            @if (map.points.len() as u64) < map.users {
                "Shown are " (grouped(map.points.len() as u64)) " of " (count(map.users, "user", "users")) ", drawn by chance. "
            }
            @if map.without_vector > 0 { (count(map.without_vector, "user has", "users have")) " no embedding. " }
            @match &map.colored.by {
                By::Nothing => {}
                By::Segments => "A user in several segments has the color of the smallest.",
                By::Attribute(attribute) => { "Colored by " code { (name(attribute)) } "." }
            }
        }
    }
}

fn picture(map: &Map) -> Markup {
    let plane = Plane::of(&map.points);
    let of = |group: Option<usize>| map.points.iter().filter(move |point| point.group == group);
    let description = format!(
        "{} as marks: along the first axis {} of the variance, along the second {}. Colors and shapes are groups; the list beside the map has their sizes.",
        count(map.points.len() as u64, "user", "users"),
        percent(map.variance[0]),
        percent(map.variance[1])
    );
    html! {
        figure.map {
            svg role="img" aria-labelledby="map-t map-d" viewBox={ "0 0 100 " (short(plane.height)) } {
                title id="map-t" { "Map of users" }
                desc id="map-d" { (description) }
                g.marks.none { @for point in of(None) { (plane.mark(0, point)) } }
                @for place in 0..map.colored.groups.len() {
                    g class={ "marks c" (place) " group-" (place) } {
                        @for point in of(Some(place)) { (plane.mark(place, point)) }
                    }
                }
            }
            figcaption.axes {
                span { "→ first component, " (percent(map.variance[0])) " of the variance" }
                span { "↑ second, " (percent(map.variance[1])) }
            }
        }
    }
}

/// Where points lie in the picture.
struct Plane {
    left: f64,
    top: f64,
    scale: f64,
    height: f64,
    radius: f64,
}

impl Plane {
    fn of(points: &[Point]) -> Self {
        let span = |of: fn(&Point) -> f64| {
            let values = || points.iter().map(of);
            (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
        };
        let ((left, right), (bottom, top)) = (span(|point| point.x), span(|point| point.y));
        let widest = (right - left).max(top - bottom);
        // One unit means the same along both axes.
        let scale = if widest > 0.0 { (WIDTH - 2.0 * MARGIN) / widest } else { 1.0 };
        let height = ((top - bottom) * scale + 2.0 * MARGIN).clamp(LOWEST, WIDTH);
        let spare = |room: f64, span: f64| (room - span * scale) / 2.0 / scale;
        let radius = if points.len() > 1_000 { 0.5 } else { 0.8 };
        let (left, top) = (left - spare(WIDTH, right - left), top + spare(height, top - bottom));
        Self { left, top, scale, height, radius }
    }

    fn mark(&self, place: usize, point: &Point) -> Markup {
        let at = ((point.x - self.left) * self.scale, (self.top - point.y) * self.scale);
        mark(place, at, self.radius, point.user.as_deref().map(plain).as_deref())
    }
}

/// What the colors mean: whoever picks one sees it alone.
fn groups(map: &Map) -> Markup {
    let colored = &map.colored;
    if colored.groups.is_empty() {
        return html! {};
    }
    let others = map.points.iter().filter(|point| point.group.is_none()).count();
    let whole = map.points.len().max(1) as f64;
    let named = |users: usize| format!("{} · {}", grouped(users as u64), percent(users as f64 / whole));
    html! {
        fieldset.pick {
            legend { "Show" }
            label { input type="radio" name="group" value="all" checked; span { "everybody on the map" } small { (grouped(map.points.len() as u64)) } }
            @for (place, group) in colored.groups.iter().enumerate() {
                label {
                    input type="radio" name="group" value=(place);
                    span { (swatch(place)) (name(&group.name)) }
                    small { (named(group.users)) }
                }
            }
            @if others > 0 {
                label {
                    input type="radio" name="group" value="none";
                    span { (rest_swatch()) (if colored.by == By::Segments { "in none of these" } else { "other values, or none" }) }
                    small { (named(others)) }
                }
            }
        }
    }
}

fn rest_swatch() -> Markup {
    html! { svg.swatch.none viewBox="-1 -1 2 2" aria-hidden="true" { (mark(0, (0.0, 0.0), 0.8, None)) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(x: f64, y: f64) -> Point {
        Point { user: None, x, y, group: None }
    }

    #[test]
    fn all_points_lie_within_the_picture() {
        for points in [
            vec![point(3.0, 3.0)],
            vec![point(-5.0, 0.0), point(5.0, 0.1)],
            vec![point(0.0, -9.0), point(0.5, 9.0), point(0.1, 1.0)],
            vec![point(1e-30, 0.0), point(2e-30, 1e-30)],
        ] {
            let plane = Plane::of(&points);
            for point in &points {
                let (x, y) = ((point.x - plane.left) * plane.scale, (plane.top - point.y) * plane.scale);
                assert!((MARGIN - 1e-6..=WIDTH - MARGIN + 1e-6).contains(&x), "{x}");
                assert!((MARGIN - 1e-6..=plane.height - MARGIN + 1e-6).contains(&y), "{y} {}", plane.height);
            }
        }
    }
}
