//! How a line goes from point to point: straight down through the layers that boxes stand in, sideways only between them.

/// The heights that boxes take up, as intervals that do not touch, from top to bottom.
#[derive(Debug, Clone)]
pub(super) struct Bands(Vec<(f64, f64)>);

impl Bands {
    pub(super) fn of(intervals: impl Iterator<Item = (f64, f64)>) -> Bands {
        let mut intervals: Vec<(f64, f64)> = intervals.collect();
        intervals.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut bands: Vec<(f64, f64)> = Vec::new();
        for (top, bottom) in intervals {
            match bands.last_mut() {
                Some(last) if top <= last.1 => last.1 = last.1.max(bottom),
                _ => bands.push((top, bottom)),
            }
        }
        Bands(bands)
    }

    pub(super) fn contain(&self, y: f64) -> bool {
        self.0.iter().any(|(top, bottom)| (*top..=*bottom).contains(&y))
    }

    /// The tallest free interval between two heights.
    fn free(&self, from: f64, to: f64) -> Option<(f64, f64)> {
        let mut free: Option<(f64, f64)> = None;
        let mut top = from;
        let within = self.0.iter().filter(|band| band.1 > from && band.0 < to);
        for (band_top, band_bottom) in within.copied().chain([(to, to)]) {
            if band_top - top > free.map_or(0.0, |(top, bottom)| bottom - top) {
                free = Some((top, band_top));
            }
            top = top.max(band_bottom);
        }
        free
    }
}

/// A piece that begins and ends straight down, from one point to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Curve {
    pub from: (f64, f64),
    pub to: (f64, f64),
}

impl Curve {
    pub(super) fn moved(self, x: f64, y: f64) -> Curve {
        let moved = |point: (f64, f64)| (point.0 + x, point.1 + y);
        Curve { from: moved(self.from), to: moved(self.to) }
    }
}

/// The pieces of a line through these points.
pub(super) fn route(points: &[(f64, f64)], bands: &Bands) -> Vec<Curve> {
    let mut curves = Vec::new();
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let (bend, landing) = match bands.free(from.1, to.1) {
            Some((top, bottom)) if (from.0 - to.0).abs() > 0.5 => ((from.0, top), (to.0, bottom)),
            _ => (from, to),
        };
        let pieces = [(from, bend), (bend, landing), (landing, to)];
        curves.extend(pieces.into_iter().filter(|(from, to)| from != to).map(|(from, to)| Curve { from, to }));
    }
    curves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_turn_between_the_boxes() {
        let bands = Bands::of([(0.0, 10.0), (30.0, 60.0), (35.0, 50.0)].into_iter());
        assert!(bands.contain(55.0) && !bands.contain(20.0));
        let curves = route(&[(5.0, 8.0), (25.0, 45.0), (25.0, 60.0)], &bands);
        let pieces: Vec<_> = curves.iter().map(|curve| (curve.from, curve.to)).collect();
        assert_eq!(
            pieces,
            [
                ((5.0, 8.0), (5.0, 10.0)),
                ((5.0, 10.0), (25.0, 30.0)),
                ((25.0, 30.0), (25.0, 45.0)),
                ((25.0, 45.0), (25.0, 60.0)),
            ]
        );
    }
}
