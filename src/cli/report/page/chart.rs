//! Pictures. Marks are SVG, stretched to what room there is; all words are HTML around it, so that they keep their size on a phone.

use maud::{Markup, html};

/// Units of a picture's height.
pub(super) const HEIGHT: f64 = 100.0;

/// A vertical axis from 0 to a round number.
pub(super) struct Axis {
    top: f64,
    labels: [String; 3],
}

impl Axis {
    /// Up to the next round number above all that is shown.
    pub(super) fn up_to(most: f64, label: impl Fn(f64) -> String) -> Self {
        let top = round_above(most);
        Self { top, labels: [top, top / 2.0, 0.0].map(label) }
    }

    /// How high a value stands, in units of the picture.
    pub(super) fn height(&self, value: f64) -> f64 {
        value / self.top * HEIGHT
    }
}

/// What a picture is called, and what it shows, in words.
pub(super) struct Told<'a> {
    /// Its anchor.
    pub id: &'a str,
    pub title: &'a str,
    pub description: String,
}

/// A picture of some width in units, between its axes. Below is a word for each unit, or for some at equal distances from end to end.
pub(super) fn framed(told: &Told<'_>, axis: &Axis, width: f64, below: &[String], marks: &Markup) -> Markup {
    let is_each = below.len() as f64 >= width;
    let Told { id, title, description } = told;
    html! {
        figure.chart {
            figcaption { (title) }
            div.plot {
                ol.y aria-hidden="true" { @for label in &axis.labels { li { (label) } } }
                svg role="img" aria-labelledby={ (id) "-t " (id) "-d" } viewBox={ "0 0 " (short(width)) " 100" }
                    preserveAspectRatio="none" {
                    title id={ (id) "-t" } { (title) }
                    desc id={ (id) "-d" } { (description) }
                    @for height in [0, 50, 100] {
                        line.grid x1="0" x2=(short(width)) y1=(height) y2=(height) {}
                    }
                    (marks)
                }
                ol class={ "x" @if is_each { " each" } } aria-hidden="true" { @for label in below { li { (label) } } }
            }
        }
    }
}

/// One bar, from one height to another, with what it says when pointed at.
pub(super) fn bar(at: usize, (from, to): (f64, f64), says: &str) -> Markup {
    let height = (to - from).max(0.4);
    html! {
        rect x=(short(at as f64 + 0.08)) width="0.84" y=(short(HEIGHT - from - height)) height=(short(height)) {
            title { (says) }
        }
    }
}

/// A line through heights at equal distances, from the middle of the first place to the middle of the last, with the ground below it.
pub(super) fn area(heights: &[f64]) -> Markup {
    let line = line_through(heights);
    let last = heights.len() as f64 - 0.5;
    html! {
        path.ground d={ (line) "L" (short(last)) " 100L0.5 100Z" } {}
        path.line d=(line) {}
    }
}

/// A line through heights at equal distances, with a dot at each.
pub(super) fn dotted(heights: &[f64], says: impl Fn(usize) -> String) -> Markup {
    html! {
        path.line d=(line_through(heights)) {}
        @for (at, height) in heights.iter().enumerate() {
            path.dot d={ "M" (short(at as f64 + 0.5)) " " (short(HEIGHT - height)) "h0" } { title { (says(at)) } }
        }
    }
}

fn line_through(heights: &[f64]) -> String {
    let points = heights.iter().enumerate().map(|(at, height)| {
        let command = if at == 0 { "M" } else { "L" };
        format!("{command}{} {}", short(at as f64 + 0.5), short(HEIGHT - height))
    });
    points.collect()
}

/// A share of 0 to 1 as a bar beside it in words.
pub(super) fn share_bar(share: f64) -> Markup {
    html! {
        svg.share viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true" {
            rect.whole width="100" height="1" {}
            rect width=(short((share * 100.0).clamp(0.0, 100.0))) height="1" {}
        }
    }
}

/// What colors mean.
pub(super) fn legend(names: &[Markup]) -> Markup {
    html! {
        ul.legend { @for (place, name) in names.iter().enumerate() { li { (swatch(place)) (name) } } }
    }
}

/// The mark of a color.
pub(super) fn swatch(place: usize) -> Markup {
    html! { svg class={ "swatch c" (place) } viewBox="-1 -1 2 2" aria-hidden="true" { (mark(place, (0.0, 0.0), 0.8, None)) } }
}

/// A mark by its place among the colors, which has a shape of its own, too; with what it says when pointed at.
pub(super) fn mark(place: usize, (x, y): (f64, f64), radius: f64, says: Option<&str>) -> Markup {
    let r = radius;
    let at = |dx: f64, dy: f64| format!("{} {}", short(x + dx * r), short(y + dy * r));
    let says = html! { @if let Some(says) = says { title { (says) } } };
    let outline = match place % 4 {
        1 => [at(-0.85, -0.85), at(0.85, -0.85), at(0.85, 0.85), at(-0.85, 0.85)].join("L"),
        2 => [at(0.0, -1.25), at(1.25, 0.0), at(0.0, 1.25), at(-1.25, 0.0)].join("L"),
        3 => [at(0.0, -1.15), at(1.1, 0.8), at(-1.1, 0.8)].join("L"),
        _ => return html! { circle cx=(short(x)) cy=(short(y)) r=(short(r)) { (says) } },
    };
    html! { path d={ "M" (outline) "Z" } { (says) } }
}

/// A table, which may be wider than the screen, behind a word.
pub(super) fn folded_table(what: &str, table: &Markup) -> Markup {
    html! {
        details { summary { "The same as a table" } (scrolled(what, table)) }
    }
}

/// A table that is scrolled by itself where it is wider than the screen.
pub(super) fn scrolled(what: &str, table: &Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(what) { (table) } }
}

/// The smallest of a few round numbers times a power of ten that is not below a value; 1 for nothing.
fn round_above(value: f64) -> f64 {
    if !(value > 0.0 && value.is_finite()) {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let round = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0].into_iter().map(|times| times * power);
    round.into_iter().find(|round| *round >= value * (1.0 - 1e-12)).unwrap_or(10.0 * power)
}

/// A coordinate, no longer than can be seen.
pub(super) fn short(coordinate: f64) -> String {
    let text = format!("{coordinate:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        for (value, round) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (1.1, 1.5),
            (3.1, 4.0),
            (4.5, 5.0),
            (81.0, 100.0),
            (0.035, 0.04),
            (f64::NAN, 1.0),
        ] {
            assert!((round_above(value) - round).abs() < 1e-9, "{value}");
        }
        let axis = Axis::up_to(35.0, |label| format!("{label}"));
        assert_eq!((&axis.labels, axis.height(10.0)), (&["40", "20", "0"].map(str::to_owned), 25.0));
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!([0.0, -0.001, 1.5, 100.0, 7.12345].map(short), ["0", "0", "1.5", "100", "7.12"]);
        assert_eq!(line_through(&[100.0, 0.0]), "M0.5 0L1.5 100");
    }
}
