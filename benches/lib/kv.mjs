// KV store behind the binding of every target: a Worker of its own, as small as it can be.
const entries = new Map();
/** Keys that were read and written. */
const calls = { reads: 0, writes: 0 };

export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const key = decodeURIComponent(pathname.slice(1));
    switch (request.method) {
      case 'GET': {
        if (key === '') {
          const prefix = searchParams.get('prefix');
          // Asked by the bench.
          if (prefix === null) return Response.json(calls);
          const names = [...entries.keys()].filter((name) => name.startsWith(prefix)).sort();
          return Response.json({ keys: names.map((name) => ({ name })), list_complete: true });
        }
        calls.reads += 1;
        const value = entries.get(key);
        return value === undefined ? new Response(null, { status: 404 }) : new Response(value);
      }
      case 'POST': {
        // Several at once.
        const { keys } = await request.json();
        calls.reads += keys.length;
        return Response.json(Object.fromEntries(keys.map((name) => [name, entries.get(name) ?? null])));
      }
      case 'PUT':
        calls.writes += 1;
        entries.set(key, await request.text());
        return new Response(null);
      case 'DELETE':
        calls.writes += 1;
        entries.delete(key);
        return new Response(null);
      default:
        return new Response(null, { status: 405 });
    }
  },
};
