//! The stock level: made up, but always the same for a sku, so that tests and people can count on it.

/// How many are left; of some, none.
pub fn of(sku: &str) -> u32 {
    // FNV-1a spreads similar names well apart.
    let hash = sku.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    match hash % 12 {
        0 => 0,
        1 | 2 => 1 + hash / 12 % 5,
        _ => 6 + hash / 12 % 40,
    }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn levels_are_steady_and_vary() {
        let levels: Vec<u32> = (0..200).map(|i| of(&format!("sku-{i}"))).collect();
        assert!(levels.contains(&0), "something is sold out");
        assert!(levels.iter().any(|level| (1..=5).contains(level)), "of something, few are left");
        assert!(levels.iter().all(|level| *level <= 45));
        assert_eq!(of("sku-7"), levels[7]);
    }
}
