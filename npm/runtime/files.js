// The binding of the bucket: a folder of this machine.
const TYPES = {
  pdf: 'application/pdf',
  epub: 'application/epub+zip',
  zip: 'application/zip',
  csv: 'text/csv; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
  png: 'image/png',
  jpg: 'image/jpeg',
  mp4: 'video/mp4',
};

export default function files({ FOLDER }) {
  async function ask(key, method) {
    // macOS may have written a name's letters and marks apart.
    for (const name of new Set([key, key.normalize('NFD')])) {
      const path = name.split('/').map(encodeURIComponent).join('/');
      const response = await FOLDER.fetch(`http://files/${path}`, { method });
      // A folder has a listing, and no length.
      if (response.ok && response.headers.has('content-length')) return response;
      await response.body?.cancel();
    }
    return null;
  }
  return {
    head: async (key) => ((await ask(key, 'HEAD')) ? { key } : null),
    async get(key) {
      const response = await ask(key, 'GET');
      const contentType = TYPES[key.split('.').at(-1).toLowerCase()];
      return response && { key, body: response.body, httpMetadata: { contentType } };
    },
  };
}
