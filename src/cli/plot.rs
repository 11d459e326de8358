//! Charts as SVG.

use crate::error::{Error, Result};
use plotters::prelude::*;
use std::ops::Range;
use std::path::Path;

const SIZE: (u32, u32) = (800, 500);

/// One line of a chart.
#[derive(Clone, Debug)]
pub struct Series {
    /// What it shows.
    pub name: String,
    /// Recall and queries per second of each setting.
    pub points: Vec<(f64, f64)>,
}

/// Draws queries per second, on a logarithmic axis, against recall.
///
/// # Errors
/// [`Error::Invalid`] without a point of positive speed, [`Error::Io`] where the file cannot be written.
pub fn recall_against_qps(path: &Path, title: &str, series: &[Series]) -> Result<()> {
    let svg = draw(title, series).map_err(|reason| Error::invalid("plot", path.display(), reason))?;
    std::fs::write(path, svg).map_err(|source| Error::io("write", path, source))
}

fn draw(title: &str, series: &[Series]) -> std::result::Result<String, String> {
    let points = || series.iter().flat_map(|line| line.points.iter().copied());
    let lowest_recall = points().map(|point| point.0).fold(1.0, f64::min);
    let slowest = points().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let fastest = points().map(|point| point.1).fold(0.0, f64::max);
    if !(slowest > 0.0 && slowest.is_finite()) {
        return Err("it needs at least one point, all of positive speed".to_owned());
    }
    let recalls = (lowest_recall - 0.01).max(0.0)..1.0;
    let mut svg = String::new();
    paint(&mut svg, title, series, recalls, slowest / 1.5..fastest * 1.5)
        .map_err(|error| error.to_string())?;
    Ok(svg)
}

fn paint(
    svg: &mut String,
    title: &str,
    series: &[Series],
    recalls: Range<f64>,
    speeds: Range<f64>,
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(recalls, speeds.log_scale())?;
    chart.configure_mesh().x_desc("recall").y_desc("queries per second").draw()?;
    for (number, line) in series.iter().enumerate() {
        let color = Palette99::pick(number).to_rgba();
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), color.stroke_width(2)).point_size(3))?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    area.present()?;
    Ok(())
}

/// Draws the score of each trial in the order of trials, the best so far, and what there was before any.
///
/// # Errors
/// [`Error::Invalid`] without a trial, or with a score that is no number; [`Error::Io`] where the file cannot be written.
pub fn trials(path: &Path, title: &str, scores: &[f64], before: f64) -> Result<()> {
    let all = || scores.iter().copied().chain([before]);
    if scores.is_empty() || all().any(|score| !score.is_finite()) {
        return Err(Error::invalid(
            "plot",
            path.display(),
            "it needs at least one trial, and scores that are numbers",
        ));
    }
    let (low, high) = all().fold((before, before), |(low, high), score| (low.min(score), high.max(score)));
    // Also where all are the same there must be something between the ends.
    let margin = ((high - low) * 0.05).max(1e-6);
    let mut svg = String::new();
    paint_trials(&mut svg, title, scores, before, low - margin..high + margin)
        .map_err(|reason| Error::invalid("plot", path.display(), reason.to_string()))?;
    std::fs::write(path, svg).map_err(|source| Error::io("write", path, source))
}

fn paint_trials(
    svg: &mut String,
    title: &str,
    scores: &[f64],
    before: f64,
    heights: Range<f64>,
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let last = scores.len() as f64;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..last + 1.0, heights)?;
    chart.configure_mesh().x_desc("trial").y_desc("score").draw()?;
    let places = || (1..=scores.len()).map(|place| place as f64);
    let mut best = before;
    let so_far = scores.iter().map(|score| {
        best = best.max(*score);
        best
    });
    let so_far: Vec<(f64, f64)> = places().zip(so_far).collect();
    let color = Palette99::pick(0).to_rgba();
    let tried = places().zip(scores.iter().copied()).map(|at| Circle::new(at, 3, color.filled()));
    chart.draw_series(tried)?.label("trials").legend(move |at| Circle::new(at, 3, color.filled()));
    for (number, name, points) in
        [(1, "best so far", so_far), (2, "before", vec![(0.0, before), (last + 1.0, before)])]
    {
        let color = Palette99::pick(number).to_rgba();
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_names_its_lines() {
        let line = Series { name: "by graph".to_owned(), points: vec![(0.9, 5000.0), (0.99, 800.0)] };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chart.svg");
        recall_against_qps(&path, "a title", &[line]).unwrap();
        let svg = std::fs::read_to_string(path).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("by graph") && svg.contains("a title"));
        assert!(svg.contains("<polyline") && svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn trials_are_drawn_beside_what_there_was_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trials.svg");
        trials(&path, "a title", &[0.5, 0.7, 0.6], 0.6).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(svg.contains("best so far") && svg.matches("<circle").count() == 4, "{svg}");
        trials(&path, "", &[0.5], 0.5).unwrap();
        assert!(trials(&path, "", &[], 0.6).is_err() && trials(&path, "", &[f64::NAN], 0.6).is_err());
    }

    #[test]
    fn a_chart_needs_points() {
        let none = Series { name: String::new(), points: Vec::new() };
        let stopped = Series { name: String::new(), points: vec![(0.5, 0.0)] };
        let folder = tempfile::tempdir().unwrap();
        for line in [none, stopped] {
            assert!(recall_against_qps(&folder.path().join("chart.svg"), "", &[line]).is_err());
        }
    }
}
