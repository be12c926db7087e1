// The field that a filter is typed into (see query_field.py): completion, what it finds, how it
// joins the brush. A combobox with a list, as the ARIA practices describe it.

/**
 * @typedef {{name: string, hint: string, kind: 'number' | 'category', values: string[]}} Column
 * @typedef {{text: string, hint: string, at: number, end: string}} Option  Replaces from `at` on.
 * @typedef {{text: string, at: number}} Token
 * @typedef {{text: string, columns: Column[], words: [string, string][], recent: string[],
 *   functions: [string, string][], said: {found?: string, means?: string, trouble?: string,
 *   remark?: string}, building: boolean,
 *   on(name: string, callback: () => void): void, send_msg(message: object): void}} Model
 */

const WAIT = 180 // milliseconds of rest after which what is typed is looked up
const MOST = 60 // options
const TOKEN = /"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?|`[^`]*`?|[\p{L}_][\p{L}\p{N}_]*|\d[\d.eE_]*|==|!=|<=|>=|\S/gu
const SIGNS = {
  number: [['>', 'above'], ['>=', 'at least'], ['<', 'below'], ['<=', 'at most'],
    ['==', 'equal to'], ['!=', 'not equal to']],
  category: [['==', 'is'], ['!=', 'is not'], ['in', 'is one of']],
}
const MODES = [
  ['replace', 'Brush', 'Enter'],
  ['add', 'Add', 'Shift+Enter'],
  ['subtract', 'Subtract', 'Alt+Enter'],
  ['intersect', 'Intersect', 'Ctrl+Enter'],
]

/** @type {(text: string) => Token[]} */
const tokens = (text) => [...text.matchAll(TOKEN)].map((m) => ({ text: m[0], at: m.index }))

/** Whether a text is the beginning of a quoted one. @type {(text: string) => boolean} */
const open = (text) => /^["'`]/.test(text) && (text.length === 1 || text.at(-1) !== text[0])

/** A name without the marks around it. @type {(text: string) => string} */
const bare = (text) => text.replace(/^["'`]|["'`]$/g, '')

/**
 * What may follow, or complete, what stands left of the caret.
 * @param {string} before @param {Model} model @returns {Option[]}
 */
function suggested(before, model) {
  const all = tokens(before)
  const last = all.at(-1)
  const touches = last && last.at + last.text.length === before.length
  const partial = last && touches && (/^[\p{L}_\d]/u.test(last.text) || open(last.text)) ? last : null
  const past = partial ? all.slice(0, -1) : all
  const at = partial ? partial.at : before.length
  const typed = bare(partial?.text ?? '').toLowerCase()
  /** @type {(token: Token | undefined) => Column | undefined} */
  const column = (token) => token && model.columns.find(({ name }) => name === token.text)
  /** @type {(found: string[][], end?: string) => Option[]} */
  const options = (found, end = ' ') => found
    .filter(([text, hint]) => `${bare(text)} ${hint}`.toLowerCase().includes(typed))
    .sort(([a], [b]) => Number(bare(b).toLowerCase().startsWith(typed))
      - Number(bare(a).toLowerCase().startsWith(typed)))
    .slice(0, MOST).map(([text, hint]) => ({ text, hint, at, end }))
  const previous = past.at(-1)
  // within a comparison: the values of the column it is of
  let back = past.length - 1
  const listed = past.map(({ text }) => text).lastIndexOf('in')
  if (listed > 0 && !past.slice(listed).some(({ text }) => text === ')' || text === ']')) back = listed
  const asked = /^(==|!=|in)$/.test(past[back]?.text ?? '') ? column(past[back - 1]) : undefined
  if (asked && previous && /^(==|!=|in|\(|\[|,)$/.test(previous.text)) {
    if (past[back].text === 'in' && previous.text === 'in') return options([['(', 'a list']], '')
    return options(asked.values.map((value) => [JSON.stringify(value), '']))
  }
  const kind = column(previous)?.kind
  if (kind) return options(SIGNS[kind])
  if (previous && /^([)\]\d]|["'])/.test(previous.text) && !open(previous.text))
    return options([['and', 'both'], ['or', 'either']])
  // the beginning of a comparison, or a number that is to be typed
  const compared = last && column(all.at(-2))
  if (compared && touches && /^[=!<>]$/.test(last.text))
    return SIGNS[compared.kind].filter(([sign]) => sign.startsWith(last.text))
      .map(([text, hint]) => ({ text, hint, at: last.at, end: ' ' }))
  if (!typed && previous && /^([-+*/%<>]|[=<>!]=)$/.test(previous.text)) return []
  const names = model.columns.map(({ name, hint }) => [name, hint])
  const words = past.length === 0 ? model.words : []
  return [
    ...options(names), ...options(words, ''),
    ...options(model.functions.map(([name, hint]) => [`${name}(`, hint]), ''),
    ...(past.length && typed ? options([['not', 'the contrary']]) : []),
  ].slice(0, MOST)
}

/** @param {string} tag @param {Record<string, string>} attributes @param {string} text */
function made(tag, attributes, text = '') {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.textContent = text
  return element
}

/** @param {{model: Model, el: HTMLElement}} view */
export function render({ model, el }) {
  const field = made('div', { class: 'query' })
  const input = /** @type {HTMLInputElement} */ (made('input', {
    type: 'text', role: 'combobox', autocomplete: 'off', spellcheck: 'false', id: 'query',
    'aria-label': 'Find structures and environments', 'aria-expanded': 'false',
    'aria-controls': 'options', 'aria-autocomplete': 'list', 'aria-describedby': 'said',
    placeholder: 'max_force > 10, 17-30, W-Be, C60', maxlength: '2000',
  }))
  const clear = made('button', { type: 'button', class: 'clear', 'aria-label': 'Clear the search' }, '×')
  const list = made('ul', { role: 'listbox', id: 'options', 'aria-label': 'Completions', hidden: '' })
  const said = made('div', { role: 'status', id: 'said', class: 'said' })
  const buttons = made('div', { class: 'modes', role: 'group', 'aria-label': 'What is found and the brush' })
  for (const [mode, label, key] of MODES) {
    const button = made('button', { type: 'button', title: key }, label)
    button.addEventListener('click', () => ask(mode))
    buttons.append(button)
  }
  const build = made('button', {
    type: 'button', class: 'build', 'aria-expanded': 'false',
    title: 'Put the filter together from rows of column, comparison and value',
  }, 'Build')
  build.addEventListener('click', () => model.send_msg({ build: !model.building }))
  field.append(build, input, clear, said, list) // what is found stays in sight above the list
  el.append(field, buttons)

  /** @type {Option[]} */
  let options = []
  let chosen = -1
  let timer = 0

  /** @type {(mode: string) => void} */
  const ask = (mode) => {
    clearTimeout(timer)
    close()
    model.send_msg({ ask: mode, text: input.value })
  }
  const look = () => { if (model.text !== input.value) model.text = input.value }
  const close = () => {
    options = []
    chosen = -1
    list.setAttribute('hidden', '')
    input.setAttribute('aria-expanded', 'false')
    input.removeAttribute('aria-activedescendant')
  }
  /** @type {(at: number) => void} */
  const choose = (at) => {
    chosen = at
    for (const [index, item] of [...list.children].entries())
      item.setAttribute('aria-selected', String(index === at))
    const item = list.children[at]
    if (!item) return input.removeAttribute('aria-activedescendant')
    input.setAttribute('aria-activedescendant', item.id)
    item.scrollIntoView({ block: 'nearest' })
  }
  /** @type {(option: Option) => void} */
  const take = (option) => {
    const caret = input.selectionStart ?? input.value.length
    const head = input.value.slice(0, option.at) + option.text + option.end
    input.value = head + input.value.slice(caret).replace(/^["'` ]/, '')
    input.focus()
    input.setSelectionRange(head.length, head.length)
    typed()
  }
  const suggest = () => {
    const before = input.value.slice(0, input.selectionStart ?? input.value.length)
    options = input.value.trim()
      ? suggested(before, model)
      : [...model.recent.map((text) => ({ text, hint: 'searched before', at: 0, end: '' })),
        ...suggested('', model)]
    // what stands there already is no completion
    options = options.filter(({ text, at }) => before.slice(at) !== text)
    if (!options.length) return close()
    list.replaceChildren(...options.map(({ text, hint }, index) => {
      const item = made('li', { role: 'option', id: `option-${index}`, 'aria-selected': 'false' })
      item.append(made('span', {}, text), made('small', {}, hint))
      item.addEventListener('mousedown', (event) => {
        event.preventDefault() // the field keeps the focus
        take(options[index])
      })
      return item
    }))
    list.removeAttribute('hidden')
    input.setAttribute('aria-expanded', 'true')
    choose(-1)
  }
  const typed = () => {
    clearTimeout(timer)
    timer = window.setTimeout(look, WAIT)
    suggest()
    show()
  }
  input.addEventListener('input', typed)
  input.addEventListener('focus', () => {
    if (!model.columns.length) model.send_msg({ focus: true })
    else suggest()
  })
  input.addEventListener('blur', () => { look(); close() })
  input.addEventListener('keydown', (event) => {
    const { key } = event
    const move = { ArrowDown: 1, ArrowUp: -1 }[key]
    if (move) {
      event.preventDefault()
      if (!options.length) suggest()
      else choose((chosen + move + options.length + (chosen < 0 && move < 0 ? 1 : 0)) % options.length)
    } else if (key === 'Enter') {
      event.preventDefault()
      if (chosen >= 0 && !event.shiftKey && !event.altKey && !event.ctrlKey) take(options[chosen])
      else ask(event.altKey ? 'subtract' : event.shiftKey ? 'add' : event.ctrlKey ? 'intersect' : 'replace')
    } else if (key === 'Tab' && chosen >= 0) {
      event.preventDefault()
      take(options[chosen])
    } else if (key === 'Escape' && options.length) {
      event.stopPropagation()
      close()
    }
  })
  clear.addEventListener('click', () => {
    input.value = ''
    look()
    input.focus()
    show()
  })

  const show = () => {
    const some = input.value.trim() !== ''
    clear.toggleAttribute('hidden', !some)
    const { found = '', means = '', trouble = '', remark = '' } = some ? model.said : {}
    said.replaceChildren(
      ...[['found', found], ['means', means], ['remark', remark], ['trouble', trouble]]
        .filter(([, text]) => text).map(([kind, text]) => made('div', { class: kind }, text)))
    input.setAttribute('aria-invalid', String(trouble !== ''))
    buttons.classList.toggle('idle', !some)
    build.setAttribute('aria-expanded', String(model.building))
  }
  model.on('said', show)
  model.on('building', show)
  model.on('text', () => {
    if (input.value !== model.text) input.value = model.text
    show()
  })
  model.on('columns', () => {
    const root = /** @type {ShadowRoot} */ (el.getRootNode())
    if (root.activeElement === input) suggest()
  })
  input.value = model.text
  show()
}
