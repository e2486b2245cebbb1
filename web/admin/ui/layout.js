// What stands around every view: who is here, which campaign and period, and the way to the others.
import { h, icon } from './dom.js';
import { button } from './components.js';
import { PERIODS, daysOf } from '../route.js';
import { nextTheme, theme } from './theme.js';
import { clockTime } from './format.js';

const REFRESH = 'M16.5 10a6.5 6.5 0 1 1-2-4.7M15 2v4h-4';
const THEME = 'M10 3a7 7 0 1 0 0 14V3Z';

export const header = (app) =>
  h(
    'header',
    { class: 'top' },
    h(
      'div',
      { class: 'top-line' },
      h('a', { class: 'brand', href: app.addressOf({ view: 'overview' }), 'data-go': true }, 'Leadhook'),
      h(
        'div',
        { class: 'top-end' },
        h(
          'button',
          {
            type: 'button',
            class: 'button quiet-button',
            'data-act': 'theme',
            'data-key': 'theme',
            'aria-label': `Colours: ${theme()}. Change to ${nextTheme()}`,
            title: `Colours: ${theme()}`,
          },
          icon(THEME),
          h('span', { class: 'wide-only' }, theme()),
        ),
        h('span', { class: 'who', title: `May ${app.who.scopes.join(', ')}` }, app.who.name),
        button('Sign out', 'sign-out', { kind: 'quiet-button' }),
      ),
    ),
    h(
      'nav',
      { class: 'views', 'aria-label': 'Views' },
      app.views.map(([name, { title }]) =>
        h(
          'a',
          {
            href: app.addressOf({ view: name }),
            'data-go': true,
            'data-key': `view-${name}`,
            'aria-current': app.place.view === name ? 'page' : null,
          },
          title,
        ),
      ),
    ),
  );

/** Campaign and, where the view has one, period. */
export function controls(app) {
  const { campaign, view, period } = app.place;
  const known = app.campaigns.some(({ id }) => id === campaign);
  const option = (value, text) => h('option', { value, selected: value === campaign, dir: 'auto' }, text);
  return h(
    'div',
    { class: 'controls', role: 'group', 'aria-label': 'What is shown' },
    h(
      'label',
      { class: 'field' },
      h('span', {}, 'Campaign'),
      h(
        'select',
        { 'data-change': 'campaign', 'data-key': 'campaign' },
        option('', 'All campaigns'),
        app.campaigns.map(({ id, title }) => option(id, title === id ? id : `${title} (${id})`)),
        campaign && !known && option(campaign, campaign),
      ),
    ),
    view === 'overview' &&
      h(
        'fieldset',
        { class: 'periods', 'data-key': 'periods' },
        h('legend', {}, 'Period'),
        [...PERIODS].map(([name, { name: text }]) =>
          h(
            'label',
            { 'data-key': `period-${name}` },
            h('input', {
              type: 'radio',
              name: 'period',
              value: name,
              'data-change': 'period',
              checked: period === name,
            }),
            h('span', {}, text),
          ),
        ),
      ),
    view === 'overview' && period === 'custom' && days(app),
    h(
      'div',
      { class: 'fresh' },
      button([icon(REFRESH), 'Refresh'], 'refresh', { kind: 'quiet-button' }),
      h(
        'span',
        { class: 'quiet', 'data-fresh': true },
        app.freshAt ? `Read at ${clockTime(app.freshAt)}` : '',
      ),
    ),
  );
}

function days({ place, zone }) {
  const { from, to, today } = daysOf(place, zone);
  const field = (name, text, value) =>
    h(
      'label',
      { class: 'field', 'data-key': `day-${name}` },
      h('span', {}, text),
      h('input', { type: 'date', name, value, max: today, required: true, 'data-key': `date-${name}` }),
    );
  return h(
    'form',
    { class: 'days', 'data-form': 'days', 'data-key': 'days' },
    field('from', `From (${zone})`, from),
    field('to', 'To, with that day', to),
    h('button', { class: 'button' }, 'Show'),
  );
}
