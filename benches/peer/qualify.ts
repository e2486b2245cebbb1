// Score of a lead with its reasons, and the destinations that get it.
import type { Submission } from './intake';
import type { Campaign, Condition, Facts, When } from './model';

const FREE = new Set<string>(FREE_MAIL);
const THROWN_AWAY = new Set<string>(DISPOSABLE);

export interface Score {
  total: number;
  temperature: 'cold' | 'warm' | 'hot';
  stage: 'lead' | 'MQL' | 'SQL';
  reasons: { rule: string; points: number; because: string }[];
}

/** A destination's name in its campaign, and its name across campaigns. */
export type Target = [name: string, receiver: string];

/** The destinations that get a lead, or the reason that none does. */
export interface Decision {
  to: Target[];
  because: 'qualified' | 'below_forward_at' | 'no_destination_wants_it';
}

/** Returns a condition as a function. Of an absent value only `present = false` and `is_none_of` hold. */
export function condition(when: When): Condition {
  const { field, attribution, about } = when;
  const [subject, read]: [string, (facts: Facts) => unknown] =
    field !== undefined
      ? [field, ({ answers }) => answers[field]]
      : attribution !== undefined
        ? [attribution, (facts) => facts.attribution[attribution]]
        : about === 'country'
          ? ['country', ({ country }) => country]
          : ['kind of e-mail address', ({ emailKind }) => emailKind];
  const { at_least: least, at_most: most, present } = when;
  if (present !== undefined) {
    const holds = (facts: Facts) => (read(facts) !== undefined) === present;
    return { because: `${subject} ${present ? 'was given' : 'was not given'}`, holds };
  }
  if (least !== undefined) {
    const holds = (facts: Facts) => (read(facts) as number) >= least;
    return { because: `${subject} is at least ${least}`, holds };
  }
  if (most !== undefined) {
    const holds = (facts: Facts) => (read(facts) as number) <= most;
    return { because: `${subject} is at most ${most}`, holds };
  }
  const wanted = when.is_none_of === undefined;
  const list = when.is_none_of ?? when.is_one_of ?? [when.is];
  const values = new Set<unknown>(list.map(folded));
  const verb = wanted ? (list.length === 1 ? 'is' : 'is one of') : 'is none of';
  const holds = (facts: Facts) => values.has(folded(read(facts))) === wanted;
  return { because: `${subject} ${verb} ${list.join(', ')}`, holds };
}

/** Folds case: texts compare without it. */
const folded = (value: unknown) => (typeof value === 'string' ? value.toLowerCase() : value);

export function factsOf(
  { contact: fields }: Campaign,
  lead: Pick<Submission, 'contact' | 'answers' | 'attribution'>,
  phoneCountry?: string,
): Facts {
  const { contact, attribution } = lead;
  const answers: Facts['answers'] = { ...lead.answers };
  if (contact.email && fields.email) answers[fields.email] = contact.email;
  if (contact.phone && fields.phone) answers[fields.phone] = contact.phone;
  const answered = fields.country && (lead.answers[fields.country] as string | undefined);
  const domain = contact.email?.slice(contact.email.indexOf('@') + 1);
  return {
    answers,
    attribution,
    country: answered || phoneCountry,
    emailKind: domain && kindOf(domain),
  };
}

function kindOf(domain: string): string {
  if (FREE.has(domain)) return 'free';
  for (let rest = domain; rest.includes('.'); rest = rest.slice(rest.indexOf('.') + 1)) {
    if (THROWN_AWAY.has(rest)) return 'disposable';
  }
  return 'business';
}

export function score({ rules, thresholds: at }: Campaign, facts: Facts): Score {
  let total = 0;
  const reasons: Score['reasons'] = [];
  for (const { rule, points, when, because } of rules) {
    if (!all(when, facts)) continue;
    total += points;
    reasons.push({ rule, points, because });
  }
  return {
    total,
    temperature: total >= at.hot ? 'hot' : total >= at.warm ? 'warm' : 'cold',
    stage: total >= at.sql ? 'SQL' : total >= at.mql ? 'MQL' : 'lead',
    reasons,
  };
}

export function decide(campaign: Campaign, facts: Facts, total: number, granted: string[]): Decision {
  if (total < campaign.thresholds.forwardAt) return { to: [], because: 'below_forward_at' };
  const to = campaign.destinations
    .filter(
      ({ forwardAt, when, needs }) => total >= forwardAt && all(when, facts) && consents(granted, needs),
    )
    .map(({ name, receiver }): Target => [name, receiver]);
  return { to, because: to.length ? 'qualified' : 'no_destination_wants_it' };
}

export const consents = (granted: string[], needs: string[]) => needs.every((need) => granted.includes(need));

const all = (when: Condition[], facts: Facts) => when.every((condition) => condition.holds(facts));
