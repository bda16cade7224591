//! What is in the array, and is it there?

use std::mem::MaybeUninit;

/// Element `index` of round `round`: each differs from its neighbours, and from itself in other rounds.
fn element(index: usize, round: usize) -> f64 {
    (index + round * 7) as f64
}

/// Fills an array.
pub fn fill(array: &mut [f64], round: usize) {
    for (index, place) in array.iter_mut().enumerate() {
        *place = element(index, round);
    }
}

/// Fills an array that nothing has been written to.
pub fn fill_uninit(array: &mut [MaybeUninit<f64>], round: usize) {
    for (index, place) in array.iter_mut().enumerate() {
        place.write(element(index, round));
    }
}

/// Every element is right.
///
/// # Panics
/// If one is not.
pub fn check(array: &[f64], round: usize) {
    // Summed up, and not left at the first one: that is how the processor compares several at a time.
    let wrong = array.iter().enumerate();
    let wrong: usize = wrong
        .map(|(index, &value)| usize::from(value != element(index, round)))
        .sum();
    assert_eq!(wrong, 0, "elements differ in round {round}");
}
