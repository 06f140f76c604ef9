//! Affine maps, and images through them, against plain double precision.

use crate::{after, at, drawn, picture, size, sizes};
use pixels::ImageSize;
use pixels::ops::{Affine, Sampling, mirror_horizontal, mirror_vertical, warp};

const FILL: [u8; 4] = [10, 200, 30, 77];

fn maps() -> Vec<Affine> {
    vec![
        Affine::IDENTITY,
        Affine::rotation(17.3),
        Affine::rotation(-121.0),
        Affine::translation(1.37, -2.21),
        Affine::translation(1e6, 0.0),
        Affine::scaling(0.61),
        Affine::scaling(3.3),
        Affine::shear_x(0.31),
        Affine::shear_y(-0.77).about(-2.0, 3.1),
        Affine::of_angles(33.0, (1.3, -0.4), 1.2, (11.0, -7.0)),
    ]
}

/// The place that a pixel's middle comes from, from the image's corner.
fn place(Affine([a, b, c, d, e, f]): Affine, size: ImageSize, y: usize, x: usize) -> (f64, f64) {
    let (half_width, half_height) = (size.width as f64 / 2.0, size.height as f64 / 2.0);
    let (x, y) = (x as f64 + 0.5 - half_width, y as f64 + 0.5 - half_height);
    (a * x + b * y + c + half_width, d * x + e * y + f + half_height)
}

fn or_fill(image: &[u8], size: ImageSize, y: f64, x: f64, c: usize) -> f64 {
    let inside = (0.0..size.height as f64).contains(&y) && (0.0..size.width as f64).contains(&x);
    f64::from(if inside { at(image, size, y as usize, x as usize, c) } else { FILL[c % 4] })
}

#[test]
fn nearest_takes_the_pixel_there() {
    for size in sizes() {
        let image = picture(size);
        for map in maps() {
            let out = after(&image, |image, scratch| warp(image, size, &map, Sampling::Nearest, FILL, scratch));
            let mut out = out.into_iter();
            drawn(size, |y, x, c| {
                let (from_x, from_y) = place(map, size, y, x);
                let out = f64::from(out.next().unwrap());
                // On a border between pixels, either will do.
                let near = [-1e-6, 1e-6].map(|d| or_fill(&image, size, (from_y + d).floor(), (from_x + d).floor(), c));
                assert!(near.contains(&out), "{map:?}, {size}, {y} {x} {c}: {out}, not {near:?}");
                0
            });
        }
    }
}

#[test]
fn bilinear_mixes_the_four_around() {
    for size in sizes() {
        let image = picture(size);
        for map in maps() {
            let out = after(&image, |image, scratch| warp(image, size, &map, Sampling::Bilinear, FILL, scratch));
            let mut out = out.into_iter();
            drawn(size, |y, x, c| {
                let (from_x, from_y) = place(map, size, y, x);
                let (from_x, from_y) = (from_x - 0.5, from_y - 0.5);
                let (left, top) = (from_x.floor(), from_y.floor());
                let (right, down) = (from_x - left, from_y - top);
                let line = |y: f64| {
                    or_fill(&image, size, y, left, c) * (1.0 - right) + or_fill(&image, size, y, left + 1.0, c) * right
                };
                let exact = line(top) * (1.0 - down) + line(top + 1.0) * down;
                let out = f64::from(out.next().unwrap());
                assert!((out - exact).abs() < 0.76, "{map:?}, {size}, {y} {x} {c}: {out}, not {exact}");
                0
            });
        }
    }
}

#[test]
fn whole_pixels_move_whole() {
    for size in sizes() {
        let image = picture(size);
        for (right, down) in [(0, 0), (1, -2), (-3, 1), (100, 0)] {
            let map = Affine::translation(f64::from(right), f64::from(down));
            assert_eq!(map.as_shift(), Some((right as isize, down as isize)));
            let expected = drawn(size, |y, x, c| {
                or_fill(&image, size, y as f64 - f64::from(down), x as f64 - f64::from(right), c) as u8
            });
            for sampling in [Sampling::Nearest, Sampling::Bilinear] {
                let out = after(&image, |image, scratch| warp(image, size, &map, sampling, FILL, scratch));
                assert_eq!(out, expected, "{right}, {down}, {size}");
            }
        }
    }
    assert_eq!(Affine::translation(0.5, 0.0).as_shift(), None);
    assert_eq!(Affine::rotation(180.0).as_shift(), None);
}

#[test]
fn right_angles_turn_exactly() {
    for side in [1, 2, 5, 8] {
        let size = size(side, side, 3);
        let image = picture(size);
        for sampling in [Sampling::Nearest, Sampling::Bilinear] {
            let turned = |degrees| {
                let map = Affine::rotation(degrees);
                after(&image, |image, scratch| warp(image, size, &map, sampling, FILL, scratch))
            };
            // Anticlockwise: the right column becomes the first line.
            assert_eq!(turned(90.0), drawn(size, |y, x, c| at(&image, size, x, side - 1 - y, c)));
            let both = after(&image, |image, _| {
                mirror_horizontal(image, size);
                mirror_vertical(image, size);
            });
            assert_eq!(turned(180.0), both);
            assert_eq!(turned(-270.0), turned(90.0));
            assert_eq!(turned(720.0), image);
        }
    }
}

fn close(Affine(a): Affine, Affine(b): Affine) {
    assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12), "{a:?} is not {b:?}");
}

#[test]
fn builders_agree_with_each_other() {
    close(Affine::of_angles(-30.0, (0.0, 0.0), 1.0, (0.0, 0.0)), Affine::rotation(30.0));
    close(Affine::of_angles(0.0, (3.0, -4.0), 1.0, (0.0, 0.0)), Affine::translation(3.0, -4.0));
    close(Affine::of_angles(0.0, (0.0, 0.0), 2.5, (0.0, 0.0)), Affine::scaling(2.5));
    close(Affine::of_angles(0.0, (0.0, 0.0), 1.0, (45.0, 0.0)), Affine::shear_x(1.0));
    close(Affine::of_angles(0.0, (0.0, 0.0), 1.0, (0.0, 45.0)), Affine::shear_y(1.0));
    close(Affine::rotation(10.0).then(Affine::rotation(25.0)), Affine::rotation(35.0));
    let moved = Affine::of_angles(20.0, (0.0, 0.0), 1.3, (5.0, -6.0)).then(Affine::translation(7.0, 8.0));
    close(moved, Affine::of_angles(20.0, (7.0, 8.0), 1.3, (5.0, -6.0)));
    let about = Affine::translation(-2.0, 3.0).then(Affine::rotation(40.0)).then(Affine::translation(2.0, -3.0));
    close(about, Affine::rotation(40.0).about(2.0, -3.0));
    // Torchvision 0.26's matrix for these numbers.
    let [a, b, c] = [0.6608005225809614, 0.3848526852822041, -0.05813814133186379];
    let [d, e, f] = [-0.351846068578897, 0.690536790513629, 4.508222158304836];
    close(Affine::of_angles(20.0, (3.0, -5.0), 1.3, (10.0, -7.0)), Affine([a, b, c, d, e, f]));
}

#[test]
fn mirrors_swap_sides() {
    for size in sizes() {
        let image = picture(size);
        let across = after(&image, |image, _| mirror_horizontal(image, size));
        assert_eq!(across, drawn(size, |y, x, c| at(&image, size, y, size.width - 1 - x, c)));
        let over = after(&image, |image, _| mirror_vertical(image, size));
        assert_eq!(over, drawn(size, |y, x, c| at(&image, size, size.height - 1 - y, x, c)));
    }
}
