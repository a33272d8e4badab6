//! Music as it is kept and streamed: tracks, tokens, playlists and segments of HLS (RFC 8216).
//! Knows no HTTP.

use std::fmt::Write as _;
use std::time::Duration;

use bongsu_model::Timestamp;
use bytes::Bytes;

use crate::picture::{bytes_of, s256};

/// Tracks that there are.
pub(crate) const TRACKS: u32 = 300;
/// How many of them are in the chart.
pub(crate) const CHART: u32 = 100;
/// How often chart and picks are computed anew.
const COMPUTED_EVERY: Duration = Duration::from_secs(600);
/// How long a token lets one stream.
const TOKEN_LASTS: Duration = Duration::from_secs(600);
/// Bit rates, segments of a track, and how long one is.
pub(crate) const KILOBITS: [u32; 2] = [128, 320];
const SEGMENTS: u32 = 6;
const SEGMENT_S: u32 = 2;
/// A packet of a transport stream (ISO/IEC 13818-1) and its head.
const PACKET: usize = 188;
const HEAD: usize = 4;

/// The id of a track by its number, from 1.
pub(crate) fn track_id(number: u32) -> String {
    format!("track-{number:03}")
}

/// The number of a track by its id.
pub(crate) fn track_number(id: &str) -> Option<u32> {
    let number = id.strip_prefix("track-")?.parse().ok()?;
    ((1..=TRACKS).contains(&number) && track_id(number) == id).then_some(number)
}

/// The tracks in whose title the words are.
pub(crate) fn search(words: &str) -> impl Iterator<Item = u32> {
    let words = words.trim().to_lowercase();
    (1..=TRACKS).filter(move |number| !words.is_empty() && title(*number).contains(&words))
}

/// The title of a track, in lower case.
pub(crate) fn title(number: u32) -> String {
    format!("song of day {number:03}")
}

/// When charts and picks were computed last.
pub(crate) fn computed_at(now: Timestamp) -> Timestamp {
    let every = u64::try_from(COMPUTED_EVERY.as_nanos()).unwrap_or(u64::MAX);
    Timestamp::EPOCH + Duration::from_nanos(now.as_unix_nanos() / every * every)
}

/// The chart as it was computed then: the same for everybody.
pub(crate) fn chart(computed: Timestamp) -> Vec<u32> {
    let shift = u32::from(bytes_of(&computed.as_unix_nanos().to_string())[0]);
    let places = 0..CHART;
    places.map(|place| (place + shift) % TRACKS + 1).collect()
}

/// Picks for one user.
pub(crate) fn picks(user_id: &str) -> Vec<u32> {
    let bytes = bytes_of(user_id);
    let picked = bytes.chunks(2).map(|pair| match pair {
        [high, low] => (u32::from(*high) << 8 | u32::from(*low)) % TRACKS + 1,
        _ => 1,
    });
    picked.collect()
}

/// A token that lets one stream a track for a while: when it ends, and the proof that it is ours.
pub(crate) fn token(secret: &str, track: u32, now: Timestamp) -> String {
    let ends = (now + TOKEN_LASTS).as_unix_nanos() / 1_000_000_000;
    format!("{ends}.{}", proof(secret, track, ends))
}

/// Whether a token lets one stream a track now.
pub(crate) fn is_token(secret: &str, track: u32, token: &str, now: Timestamp) -> bool {
    let parts = token.split_once('.');
    parts.is_some_and(|(ends, shown)| {
        let ends = ends.parse().unwrap_or(0);
        now.as_unix_nanos() / 1_000_000_000 < ends && shown == proof(secret, track, ends)
    })
}

fn proof(secret: &str, track: u32, ends: u64) -> String {
    s256(format!("{secret}/{track}/{ends}").as_bytes())
}

/// The master playlist: one variant for each bit rate.
pub(crate) fn master(token: &str) -> String {
    let mut text = "#EXTM3U\n#EXT-X-VERSION:3\n".to_owned();
    for kilobits in KILOBITS {
        let _ = writeln!(
            text,
            "#EXT-X-STREAM-INF:BANDWIDTH={},CODECS=\"mp4a.40.2\"\n{kilobits}/index.m3u8?token={token}",
            kilobits * 1_000
        );
    }
    text
}

/// The media playlist of a bit rate: the same for each.
pub(crate) fn playlist(token: &str) -> String {
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{SEGMENT_S}\n\
         #EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MEDIA-SEQUENCE:0\n"
    );
    for number in 0..SEGMENTS {
        let _ = writeln!(
            text,
            "#EXTINF:{SEGMENT_S}.0,\nseg-{number}.ts?token={token}"
        );
    }
    text.push_str("#EXT-X-ENDLIST\n");
    text
}

/// One segment: packets of a transport stream of the length that the bit rate says. What they carry
/// is noise that follows from the track, in ASCII, so that whoever fetches it can compare it.
pub(crate) fn segment(track: u32, kilobits: u32, number: u32) -> Option<Bytes> {
    if number >= SEGMENTS || !KILOBITS.contains(&kilobits) {
        return None;
    }
    let length = (kilobits * 1_000 / 8 * SEGMENT_S) as usize;
    let packets = length.div_ceil(PACKET);
    let seed = bytes_of(&format!("segment/{track}/{kilobits}/{number}"));
    let mut bytes = Vec::with_capacity(packets * PACKET);
    for (packet, counter) in (0..packets).zip((0x10..=0x1f).cycle()) {
        // Sync byte; payload of PID 0x100 begins; payload only, with a counter of four bits.
        bytes.extend([0x47, 0x41, 0x00, counter]);
        let noise = seed.iter().cycle().skip(packet % seed.len());
        let noise = noise.map(|byte| 0x20 + byte % 0x5e);
        bytes.extend(noise.take(PACKET - HEAD));
    }
    Some(Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_a_row_of_packets_of_its_bit_rate() {
        for kilobits in KILOBITS {
            let bytes = segment(1, kilobits, 0).unwrap();
            let wanted = (kilobits * 250) as usize;
            assert!(bytes.len() >= wanted && bytes.len() < wanted + PACKET);
            assert!(bytes.chunks(PACKET).all(|packet| packet[0] == 0x47));
            assert!(bytes.is_ascii());
        }
        assert_ne!(segment(1, 128, 0), segment(1, 128, 1));
        assert_eq!(segment(1, 128, SEGMENTS), None);
        assert_eq!(segment(1, 64, 0), None);
    }

    #[test]
    fn a_playlist_names_each_segment_and_ends() {
        let text = playlist("t");
        assert!(text.contains("seg-5.ts?token=t") && text.ends_with("#EXT-X-ENDLIST\n"));
        assert_eq!(text.matches("#EXTINF").count(), 6);
    }

    #[test]
    fn a_token_is_good_for_its_track_and_its_time() {
        let at = Timestamp::from_unix_seconds;
        let token = token("secret", 7, at(1_000));
        assert!(is_token("secret", 7, &token, at(1_599)));
        assert!(!is_token("secret", 7, &token, at(1_600)));
        assert!(!is_token("secret", 8, &token, at(1_000)));
        assert!(!is_token("other", 7, &token, at(1_000)));
        assert!(!is_token("secret", 7, "", at(1_000)));
    }

    #[test]
    fn known_words_find_a_known_track_and_picks_differ_between_users() {
        assert_eq!(search("Day 042").collect::<Vec<_>>(), [42]);
        assert_eq!(search(" ").count(), 0);
        assert_eq!(track_number("track-042"), Some(42));
        assert_eq!(track_number("track-42"), None);
        assert_ne!(picks("u-a"), picks("u-b"));
        assert_eq!(chart(Timestamp::EPOCH).len(), 100);
    }
}
