// The binding of static assets: files of folders, each with its headers, found as Cloudflare finds them.
export default function assets({ MANIFEST, ...folders }) {
  const { files, workerFirst } = MANIFEST;
  const first = workerFirst.map((pattern) => pattern.replace(/\*$/, ''));
  const find = (path) => (Object.hasOwn(files, path) ? files[path] : undefined);
  const redirect = (location) => new Response(null, { status: 307, headers: { location } });

  async function serve(request, { folder, name, headers, to }) {
    if (to !== undefined) return redirect(to + new URL(request.url).search);
    const known = request.headers.get('if-none-match')?.split(',') ?? [];
    if (known.some((tag) => tag.trim().replace(/^W\//, '') === headers.etag)) {
      return new Response(null, { status: 304, headers });
    }
    const path = name.split('/').map(encodeURIComponent).join('/');
    const { ok, body } = await folders[folder].fetch(`http://assets/${path}`);
    if (!ok) return new Response(null, { status: 404 });
    if (request.method === 'HEAD') await body.cancel();
    return new Response(request.method === 'HEAD' ? null : body, { headers });
  }

  return {
    /** Returns true if an address is answered without the Worker. */
    isFirst(url) {
      const { pathname } = new URL(url);
      return find(pathname) !== undefined && !first.some((start) => pathname.startsWith(start));
    },

    fetch(request) {
      const found = find(new URL(request.url).pathname);
      return found ? serve(request, found) : new Response(null, { status: 404 });
    },
  };
}
