// What the runtime's time zones say. `Intl` knows every zone of the IANA database and all its changes.

const formats = new Map();

/** Gives a date as `2026-11-30 14:05:09` in a zone; nothing where there is no such zone. */
function formatOf(zone) {
  let format = formats.get(zone);
  if (format === undefined) {
    const parts = {
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    };
    try {
      format = new Intl.DateTimeFormat('sv-SE', {
        ...parts,
        calendar: 'iso8601',
        hourCycle: 'h23',
        timeZone: zone,
      });
    } catch {
      return undefined;
    }
    formats.set(zone, format);
  }
  return format;
}

/** Whether there is such a zone. */
export function exists(zone) {
  return formatOf(zone) !== undefined;
}

/** By how many milliseconds a zone's clocks are ahead of UTC's at a time. */
export function offset(zone, ms) {
  const local = Date.parse(`${formatOf(zone).format(ms).replace(' ', 'T')}Z`);
  return local - Math.floor(ms / 1_000) * 1_000;
}
