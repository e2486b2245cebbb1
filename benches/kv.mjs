// The store behind the KV binding of everything that is timed: a Worker of its own in the same
// runtime, as small as it can be, and the same for all.
const entries = new Map();

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const key = decodeURIComponent(pathname.slice(1));
    switch (request.method) {
      case 'GET': {
        // Asked by the bench: how much is remembered.
        if (key === '') return new Response(String(entries.size));
        const value = entries.get(key);
        return value === undefined ? new Response(null, { status: 404 }) : new Response(value);
      }
      case 'PUT':
        entries.set(key, await request.text());
        return new Response(null);
      case 'DELETE':
        entries.delete(key);
        return new Response(null);
      default:
        return new Response(null, { status: 405 });
    }
  },
};
