// The frame of every view: who is signed in, the way to the other views, and the filters.
import { PERIODS, daysOf } from '../route.js';
import { cached, hrefOf, state, zone } from '../store.js';
import { button } from './components.js';
import { h, icon } from './dom.js';
import { clockTime } from './format.js';
import { nextTheme, theme } from './theme.js';

const REFRESH = 'M16.5 10a6.5 6.5 0 1 1-2-4.7M15 2v4h-4';
const THEME = 'M10 3a7 7 0 1 0 0 14V3Z';

export const header = (views) =>
  h(
    'header',
    { class: 'top' },
    h(
      'div',
      { class: 'top-line' },
      h('a', { class: 'brand', href: hrefOf({ view: 'overview' }), 'data-link': true }, 'Leadhook'),
      h(
        'div',
        { class: 'top-end' },
        h(
          'button',
          {
            type: 'button',
            class: 'button quiet-button',
            'data-action': 'theme',
            'data-key': 'theme',
            'aria-label': `Theme: ${theme()}. Switch to ${nextTheme()}`,
            title: `Theme: ${theme()}`,
          },
          icon(THEME),
          h('span', { class: 'wide-only' }, theme()),
        ),
        h('span', { class: 'who', title: `Scopes: ${state.user.scopes.join(', ')}` }, state.user.name),
        button('Sign out', 'sign-out', { kind: 'quiet-button' }),
      ),
    ),
    h(
      'nav',
      { class: 'views', 'aria-label': 'Views' },
      Object.entries(views).map(([name, { title }]) =>
        h(
          'a',
          {
            href: hrefOf({ view: name }),
            'data-link': true,
            'data-key': `view-${name}`,
            'aria-current': state.route.view === name ? 'page' : null,
          },
          title,
        ),
      ),
    ),
  );

/** Makes the filters: campaign and, where the view has one, period. */
export function filters() {
  const { campaign, view, period } = state.route;
  const readAt = cached()?.at;
  const known = state.campaigns.some(({ id }) => id === campaign);
  const option = (value, text) => h('option', { value, selected: value === campaign, dir: 'auto' }, text);
  return h(
    'div',
    { class: 'controls', role: 'group', 'aria-label': 'Filters' },
    h(
      'label',
      { class: 'field' },
      h('span', {}, 'Campaign'),
      h(
        'select',
        { 'data-filter': 'campaign', 'data-key': 'campaign' },
        option('', 'All campaigns'),
        state.campaigns.map(({ id, title }) => option(id, title === id ? id : `${title} (${id})`)),
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
              'data-filter': 'period',
              checked: period === name,
            }),
            h('span', {}, text),
          ),
        ),
      ),
    view === 'overview' && period === 'custom' && days(),
    h(
      'div',
      { class: 'fresh' },
      button([icon(REFRESH), 'Refresh'], 'refresh', { kind: 'quiet-button' }),
      h('span', { class: 'quiet', 'data-fresh': true }, readAt ? `Updated at ${clockTime(readAt)}` : ''),
    ),
  );
}

function days() {
  const { from, to, today } = daysOf(state.route, zone());
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
    field('from', `From (${zone()})`, from),
    field('to', 'To (inclusive)', to),
    h('button', { class: 'button' }, 'Apply'),
  );
}
