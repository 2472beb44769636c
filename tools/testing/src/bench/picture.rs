// SPDX-License-Identifier: GPL-2.0

//! The rows as a picture: each ratio, and how costs grow.

use std::path::Path;

use anyhow::{anyhow, Result};
use plotters::{
    coord::Shift,
    element::{Circle, PathElement, Rectangle, Text},
    prelude::{
        ChartBuilder, DrawingArea, IntoDrawingArea, IntoFont, IntoLogRange, LineSeries, RGBColor,
        SVGBackend, WHITE,
    },
    style::Color,
};

use super::rows::{Count, Target};

const STOCK: RGBColor = RGBColor(150, 150, 150);
const OURS: RGBColor = RGBColor(0, 114, 178);
const MISSED: RGBColor = RGBColor(213, 94, 0);
const INK: RGBColor = RGBColor(40, 40, 40);
const GRID: RGBColor = RGBColor(225, 225, 225);

const WIDTH: u32 = 1000;
/// Height of a ratio.
const LINE: u32 = 15;
/// Height of what stands around all ratios.
const FRAME: u32 = 64;
/// Height of a row of curves.
const CURVES: u32 = 260;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws the picture.
pub fn draw(path: &Path, counts: &[Count]) -> Result<()> {
    let ratios: Vec<_> = counts
        .iter()
        .filter(|c| c.ratio().is_some() && c.unit != "ratio")
        .filter(|c| !c.name.starts_with("guard/"))
        .collect();
    let top = CURVES * 2;
    let height = top + FRAME + LINE * u32::try_from(ratios.len())?;
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    let done = root
        .fill(&WHITE)
        .map_err(|e| anyhow!("{e}"))
        .and_then(|()| {
            let (curves, bars) = root.split_vertically(top);
            for (area, growth) in curves.split_evenly((2, 3)).iter().zip(GROWTHS) {
                grow(area, growth, counts)?;
            }
            lines(&bars, &ratios)
        })
        .and_then(|()| root.present().map_err(|e| anyhow!("{e}")));
    done.map_err(|e| anyhow!("drawing {}: {e}", path.display()))
}

/// A curve: its title, how the names of its points begin, and what is counted along its axis.
type Growth = (&'static str, &'static str, &'static str);

const GROWTHS: [Growth; 6] = [
    (
        "pcim_iomap_table()",
        "entries/pcim_iomap_table/",
        "other entries",
    ),
    ("pcim_intx()", "entries/pcim_intx/", "other entries"),
    (
        "pcim_iounmap_region()",
        "entries/pcim_iounmap_region/",
        "other entries",
    ),
    ("managed MSI-X, bind", "managed/bind/MSI-X_", "vectors"),
    ("explicit MSI-X, bind", "explicit/bind/MSI-X_", "vectors"),
    ("bind and unbind", "devices/", "devices"),
];

fn grow(area: &Area<'_>, (title, prefix, what): Growth, counts: &[Count]) -> Result<()> {
    let points = |of: fn(&Count) -> Option<f64>| -> Vec<(f64, f64)> {
        let points = counts.iter().filter_map(|c| {
            let at: f64 = c.name.strip_prefix(prefix)?.parse().ok()?;
            Some((at, of(c)?.max(1.0)))
        });
        points.collect()
    };
    let (stock, ours) = (points(|c| c.stock), points(|c| c.ours));
    let all = || stock.iter().chain(&ours);
    if all().next().is_none() {
        return Ok(());
    }
    let x = all().map(|p| p.0).fold(1.0, f64::max);
    let low = all().map(|p| p.1).fold(f64::MAX, f64::min) / 2.0;
    let high = all().map(|p| p.1).fold(0.0, f64::max) * 2.0;
    let fail = |e: &dyn std::fmt::Display| anyhow!("{title}: {e}");
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 15, &INK))
        .margin(8)
        .margin_right(16)
        .x_label_area_size(34)
        .y_label_area_size(62)
        .build_cartesian_2d((1.0..x).log_scale(), (low..high).log_scale())
        .map_err(|e| fail(&e))?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(("sans-serif", 11, &INK))
        .x_desc(what)
        .y_desc("instructions")
        .x_labels(5)
        .y_labels(5)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| short(*y))
        .draw()
        .map_err(|e| fail(&e))?;
    for (points, colour, width) in [(stock, STOCK, 4), (ours, OURS, 2)] {
        let dots = points
            .iter()
            .map(|p| Circle::new(*p, 3, colour.filled()))
            .collect::<Vec<_>>();
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(width)))
            .map_err(|e| fail(&e))?;
        chart.draw_series(dots).map_err(|e| fail(&e))?;
    }
    Ok(())
}

/// A power of ten, with few figures.
fn short(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{:.0}M", n / 1e6),
        n if n >= 1e3 => format!("{:.0}k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

/// Where a ratio of 0 is drawn.
const LEFT: i32 = 360;
/// Where the largest is drawn.
const RIGHT: i32 = 940;
/// The largest, and any that is larger.
const MOST: f64 = 1.5;

fn lines(area: &Area<'_>, ratios: &[&Count]) -> Result<()> {
    let fail = |e: &dyn std::fmt::Display| anyhow!("ratios: {e}");
    let at = |ratio: f64| LEFT + (f64::from(RIGHT - LEFT) * ratio.min(MOST) / MOST) as i32;
    let (_, height) = area.dim_in_pixel();
    let bottom = height as i32 - 10;
    let text = ("sans-serif", 11).into_font().color(&INK);
    let title = "ours divided by stock (grey line: 1.00), instructions or bytes; orange: more than the target";
    area.draw(&Text::new(
        title,
        (12, 8),
        ("sans-serif", 13).into_font().color(&INK),
    ))
    .map_err(|e| fail(&e))?;
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5] {
        let colour = if tick == 1.0 { STOCK } else { GRID };
        let line = vec![(at(tick), 44), (at(tick), bottom)];
        area.draw(&PathElement::new(line, colour.stroke_width(1)))
            .map_err(|e| fail(&e))?;
        area.draw(&Text::new(
            format!("{tick:.2}"),
            (at(tick) - 10, 30),
            text.clone(),
        ))
        .map_err(|e| fail(&e))?;
    }
    for (i, count) in ratios.iter().enumerate() {
        let Some(ratio) = count.ratio() else { continue };
        let y = 46 + i as i32 * LINE as i32;
        let colour = match count.target {
            Target::None => STOCK,
            _ if count.met() => OURS,
            _ => MISSED,
        };
        let bar = [(LEFT, y + 2), (at(ratio), y + LINE as i32 - 3)];
        area.draw(&Text::new(count.name.clone(), (12, y + 1), text.clone()))
            .map_err(|e| fail(&e))?;
        area.draw(&Rectangle::new(bar, colour.mix(0.8).filled()))
            .map_err(|e| fail(&e))?;
        area.draw(&Text::new(
            format!("{ratio:.3}"),
            (at(ratio) + 6, y + 1),
            text.clone(),
        ))
        .map_err(|e| fail(&e))?;
    }
    Ok(())
}
