// A form's inputs and a document's images hide its members where they are named alike: after
// `<input name="submit">` a form cannot be sent.

/** The members that the platform gives a form or a document, by any names in it. */
export const members = (node) =>
  new Proxy(
    {},
    {
      get(_, key) {
        const value = Reflect.get(Object.getPrototypeOf(node), key, node);
        return typeof value === 'function' ? value.bind(node) : value;
      },
      set: (_, key, value) => Reflect.set(Object.getPrototypeOf(node), key, value, node),
    },
  );

export const page = members(document);

/** An element with properties and content. */
export function h(tag, properties, ...children) {
  const element = Object.assign(page.createElement(tag), properties);
  element.append(...children);
  return element;
}
