// Build of the static assets, from web/ into assets/: the form script, the chat, the style of hosted forms, and the
// dashboard.
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { transform } from 'esbuild';
import { bundle } from './bundle.mjs';
import { countries } from './data.mjs';

const OUT = 'assets';

/** Texts that the scripts carry along, for the case that the campaign's did not come. */
const OWN = [
  'form.sending',
  'form.trying_again',
  'form.failed',
  'form.look',
  'form.thanks',
  'form.likely_meant',
  'download.ready',
  'download.button',
];
const OF_THE_CHAT = ['chat.unavailable', 'chat.try_again'];
const files = readdirSync('texts').map((file) => [
  file.slice(0, 2),
  JSON.parse(readFileSync(`texts/${file}`, 'utf8')),
]);
const texts = (keys) =>
  JSON.stringify(
    Object.fromEntries(
      files.map(([tag, all]) => [tag, Object.fromEntries(keys.map((key) => [key, all[key]]))]),
    ),
  );

const { code: chatStyle } = await transform(readFileSync('web/chat/chat.css', 'utf8'), {
  loader: 'css',
  minify: true,
});

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT);
// A script on other people's pages leaves no names there, and runs in the browsers of their visitors.
const shared = { legalComments: 'none', charset: 'utf8' };
const onPages = (name, file, keys) =>
  bundle({
    ...shared,
    entryPoints: { [name]: file },
    format: 'iife',
    target: ['es2020'],
    define: {
      TEXTS_OF_THE_SCRIPT: texts(keys),
      STYLE_OF_THE_CHAT: JSON.stringify(chatStyle),
      COUNTRY_CODES: JSON.stringify(countries),
    },
    outdir: OUT,
  });
await onPages('leadhook', 'web/form/leadhook.js', OWN);
await onPages('leadhook-chat', 'web/chat/chat.js', [...OWN, ...OF_THE_CHAT]);
await bundle({
  ...shared,
  entryPoints: { admin: 'web/admin/main.js', form: 'web/form/form.css' },
  format: 'esm',
  target: ['es2022'],
  // uPlot is part of the dashboard, and its licence asks to go with it.
  banner: { js: `/* uPlot: ${readFileSync('node_modules/uplot/LICENSE', 'utf8').trim()} */` },
  outdir: OUT,
});
copyFileSync('web/admin/admin.html', `${OUT}/admin.html`);
copyFileSync('web/_headers', `${OUT}/_headers`);
