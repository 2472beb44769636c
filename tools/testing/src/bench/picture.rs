// SPDX-License-Identifier: GPL-2.0

//! The rows as a picture: the growth of costs, and each ratio.

use anyhow::anyhow;
use plotters::{coord::Shift, prelude::*};

use super::rows::{Count, COUNTED};
use crate::common::*;

const STOCK: RGBColor = RGBColor(150, 150, 150);
const OURS: RGBColor = RGBColor(0, 114, 178);
const MISSED: RGBColor = RGBColor(213, 94, 0);
const GRID: RGBColor = RGBColor(225, 225, 225);

/// The height of a row of curves.
const CURVES: u32 = 260;
/// The height of a ratio.
const LINE: usize = 15;
/// The largest ratio that is shown. Larger ones are drawn as this.
const MOST: f64 = 1.5;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

pub fn draw(path: &Path, counts: &[Count]) -> Result<()> {
    let ratios: Vec<_> = counts.iter().filter(|c| c.ratio().is_some()).collect();
    let root = SVGBackend::new(path, (1000, 2 * CURVES + (LINE * (ratios.len() + 5)) as u32)).into_drawing_area();
    let drawn = || {
        root.fill(&WHITE)?;
        let (curves, bars) = root.split_vertically(2 * CURVES);
        for (area, growth) in curves.split_evenly((2, 3)).iter().zip(&COUNTED.curve) {
            grow(area, growth, counts)?;
        }
        compare(&bars, &ratios)?;
        root.present()
    };
    drawn().map_err(|e| anyhow!("drawing {}: {e}", path.display()))
}

fn grow<'a>(area: &Area<'a>, [title, prefix, what]: &[&str; 3], counts: &[Count]) -> Drawn<'a> {
    let points = |of: fn(&Count) -> Option<f64>| -> Vec<(f64, f64)> {
        let points = counts.iter().filter_map(|c| {
            let at: f64 = c.name.strip_prefix(prefix)?.parse().ok()?;
            Some((at, of(c)?.max(1.0)))
        });
        points.collect()
    };
    let (stock, ours) = (points(|c| c.stock), points(|c| c.ours));
    let all = || stock.iter().chain(&ours);
    let x = all().map(|p| p.0).fold(2.0, f64::max);
    let low = all().map(|p| p.1).fold(f64::MAX, f64::min) / 2.0;
    let high = all().map(|p| p.1).fold(0.0, f64::max) * 2.0;
    let mut chart = ChartBuilder::on(area);
    chart.caption(title, ("sans-serif", 15)).margin(8).x_label_area_size(34).y_label_area_size(62);
    let mut chart = chart.build_cartesian_2d((1.0..x).log_scale(), (low..high).log_scale())?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(WHITE).bold_line_style(GRID).x_desc(*what).y_desc("instructions").x_labels(5).y_labels(5);
    mesh.x_label_formatter(&|x| format!("{x:.0}")).y_label_formatter(&|y| format!("{y:e}")).draw()?;
    for (points, colour, width) in [(stock, STOCK, 4), (ours, OURS, 2)] {
        let dots: Vec<_> = points.iter().map(|p| Circle::new(*p, 3, colour.filled())).collect();
        chart.draw_series(LineSeries::new(points, colour.stroke_width(width)))?;
        chart.draw_series(dots)?;
    }
    Ok(())
}

fn compare<'a>(area: &Area<'a>, ratios: &[&Count]) -> Drawn<'a> {
    let rows = 0..ratios.len().max(1) - 1;
    let mut chart = ChartBuilder::on(area);
    chart.caption("ours divided by stock; orange: more than the target", ("sans-serif", 15));
    chart.margin(8).margin_right(24).x_label_area_size(24).y_label_area_size(280);
    let mut chart = chart.build_cartesian_2d(0.0..MOST, rows.into_segmented())?;
    // The first row is drawn at the top.
    let row = |at: usize| ratios[ratios.len() - 1 - at];
    let name = |at: &SegmentValue<usize>| match at {
        SegmentValue::CenterOf(at) | SegmentValue::Exact(at) => row(*at).name.clone(),
        SegmentValue::Last => String::new(),
    };
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(WHITE).bold_line_style(GRID).disable_y_mesh().x_labels(7).y_labels(ratios.len());
    mesh.y_label_formatter(&name).draw()?;
    chart.draw_series((0..ratios.len()).map(|at| {
        let colour = match row(at).group.target {
            None => STOCK,
            _ if row(at).met() => OURS,
            _ => MISSED,
        };
        let ratio = row(at).ratio().unwrap_or_default().min(MOST);
        let next = match at + 1 {
            end if end == ratios.len() => SegmentValue::Last,
            next => SegmentValue::Exact(next),
        };
        let mut bar = Rectangle::new([(0.0, SegmentValue::Exact(at)), (ratio, next)], colour.filled());
        bar.set_margin(3, 3, 0, 0);
        bar
    }))?;
    Ok(())
}
