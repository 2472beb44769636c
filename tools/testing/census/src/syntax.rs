// SPDX-License-Identifier: GPL-2.0

//! One C file, reduced to what the census needs: functions, macros and tables, the names in them, and the order of a function's
//! actions.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use regex::Regex;
use tree_sitter::{Node, Parser};

/// A name that is cheap to copy.
pub type Name = Rc<str>;

/// An expression, in the order in which it is evaluated.
#[derive(Clone, Debug)]
pub enum Expr {
    /// A call of a function by name, or through a member.
    Call(Rc<Call>),
    /// An assignment to a variable or a member, by its text.
    Assign(Name, Box<Expr>),
    /// Anything with two sides.
    Binary(&'static str, Box<Expr>, Box<Expr>),
    /// `!x`
    Not(Box<Expr>),
    /// A constant: its sign.
    Number(i8),
    /// A variable or a member, by its text.
    Path(Name),
    /// `a ? b : c`
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    /// Parts of another expression, whose value is unknown.
    Parts(Vec<Expr>),
}

/// A call.
#[derive(Debug)]
pub struct Call {
    /// The function, or the member that points to it.
    pub name: Name,
    /// Whether `name` is a member.
    pub member: bool,
    /// The arguments.
    pub arguments: Vec<Expr>,
    /// The same as text.
    pub texts: Vec<String>,
    /// The line.
    pub line: usize,
}

/// A statement.
#[derive(Clone, Debug)]
pub enum Stmt {
    /// An expression.
    Eval(Expr),
    /// Statements, one after the other.
    Block(Vec<Stmt>),
    /// `if`; without a condition where the preprocessor decides.
    If(Option<Expr>, Box<Stmt>, Box<Stmt>, usize),
    /// A loop: condition, body, step; `true` where the body comes first.
    Loop(Option<Expr>, Box<Stmt>, Option<Expr>, bool),
    /// `switch`
    Switch(Expr, Box<Stmt>),
    /// `case` or `default`
    Case,
    /// `return`
    Return(Option<Expr>, usize),
    /// `goto`
    Goto(Name, usize),
    /// A label.
    Label(Name),
    /// `break`
    Break,
    /// `continue`
    Continue,
}

/// The kind of a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A function with its body.
    Function,
    /// A macro.
    Macro,
    /// A variable with an initializer.
    Variable,
}

/// A function, a macro, or a table.
#[derive(Debug)]
pub struct Symbol {
    /// Its name.
    pub name: Name,
    /// Its kind.
    pub kind: Kind,
    /// Whether only its own file sees it.
    pub local: bool,
    /// The type of a variable.
    pub class: String,
    /// The line at which it begins.
    pub line: usize,
    /// The identifiers in it.
    pub names: BTreeSet<Name>,
    /// Members that are assigned, and the names that are assigned to them.
    pub members: Vec<(Name, Name)>,
    /// The statements of a function or a macro.
    pub body: Option<Stmt>,
    /// Whether a function returns a pointer.
    pub pointer: bool,
    /// Lines of a function that could not be parsed.
    pub unparsed: Option<usize>,
}

/// One file.
#[derive(Debug, Default)]
pub struct File {
    /// Everything in it.
    pub symbols: Vec<Symbol>,
    /// The symbols that it exports to modules.
    pub exports: BTreeSet<Name>,
    /// Files that it includes by a name in quotes.
    pub includes: Vec<String>,
}

struct Reader<'a> {
    text: &'a str,
    names: RefCell<BTreeSet<Name>>,
    members: RefCell<Vec<(Name, Name)>>,
    unparsed: RefCell<Option<usize>>,
}

/// Parses C files.
pub struct C {
    parser: Parser,
    attributes: Regex,
    exports: Regex,
    includes: Regex,
}

impl C {
    /// A parser for C as the kernel writes it.
    pub fn new() -> Self {
        let mut parser = Parser::new();
        parser.set_language(&tree_sitter_c::LANGUAGE.into()).expect("the versions agree");
        let regex = |text| Regex::new(text).expect("a constant");
        Self {
            parser,
            // The grammar takes these macros before or after a declarator for the declarator.
            attributes: regex(
                r"\b(?:__init|__exit|__ref|__meminit|__devinit|__maybe_unused|__always_unused|__used|__iomem|__user|__rcu|__percpu|__force|__bitwise|__must_check|__always_inline|__cold|__hot|__packed|__weak|__initdata|__initconst|__ro_after_init|__read_mostly|__private|noinline|noinline_for_stack|asmlinkage|__visible|__malloc|__exitdata|__refdata|__devinitdata|__no_sanitize_or_inline|noinstr|__pure|__init_or_module|fallthrough;|__net_init|__printf\(\s*\d+\s*,\s*\d+\s*\)|__(?:acquires|releases|must_hold|counted_by|free|cleanup|aligned|acquire|release)\s*\([^()\n]*\))",
            ),
            exports: regex(r"\bEXPORT_\w*\s*\(\s*(\w+)"),
            includes: regex(r#"(?m)^\s*#\s*include\s+"([\w./-]+\.[ch])""#),
        }
    }

    /// Parses `text`.
    pub fn parse(&mut self, text: &str) -> File {
        let text = self.attributes.replace_all(text, |m: &regex::Captures<'_>| " ".repeat(m[0].len()));
        let tree = self.parser.parse(text.as_bytes(), None).expect("a language is set");
        let mut file = File::default();
        for export in self.exports.captures_iter(&text) {
            file.exports.insert(export[1].into());
        }
        for include in self.includes.captures_iter(&text) {
            file.includes.push(include[1].into());
        }
        let reader = Reader { text: &text, names: RefCell::default(), members: RefCell::default(), unparsed: RefCell::default() };
        let mut macros = Vec::new();
        reader.items(tree.root_node(), &mut file.symbols, &mut macros);
        for (name, value, line) in macros {
            file.symbols.extend(self.replacement(&name, &value, line));
        }
        file
    }

    /// Parses a macro as if it were a function.
    fn replacement(&mut self, name: &str, value: &str, line: usize) -> Option<Symbol> {
        let text = format!("void f(void) {{ {}; }}", value.replace("\\\n", " "));
        let tree = self.parser.parse(text.as_bytes(), None)?;
        let reader = Reader { text: &text, names: RefCell::default(), members: RefCell::default(), unparsed: RefCell::default() };
        let mut found = Vec::new();
        reader.items(tree.root_node(), &mut found, &mut Vec::new());
        let mut symbol = found.into_iter().next()?;
        if symbol.names.is_empty() {
            return None;
        }
        symbol.name = name.into();
        symbol.kind = Kind::Macro;
        symbol.local = false;
        symbol.line = line;
        symbol.unparsed = None;
        if let Some(body) = &mut symbol.body {
            relocate(body, line);
            // The value of a macro is that of its last expression.
            if let Stmt::Block(statements) = body {
                if let Some(Stmt::Eval(last)) = statements.first().filter(|_| statements.len() == 1).cloned() {
                    *body = Stmt::Return(Some(last), line);
                }
            }
        }
        Some(symbol)
    }
}

/// Calls in a macro happen where the macro stands.
fn relocate(statement: &mut Stmt, line: usize) {
    fn expr(e: &mut Expr, line: usize) {
        match e {
            Expr::Call(call) => {
                let mut arguments = call.arguments.clone();
                arguments.iter_mut().for_each(|a| expr(a, line));
                *call = Rc::new(Call { name: call.name.clone(), member: call.member, arguments, texts: call.texts.clone(), line });
            }
            Expr::Assign(_, e) | Expr::Not(e) => expr(e, line),
            Expr::Binary(_, a, b) => {
                expr(a, line);
                expr(b, line);
            }
            Expr::Choice(a, b, c) => {
                expr(a, line);
                expr(b, line);
                expr(c, line);
            }
            Expr::Parts(parts) => parts.iter_mut().for_each(|p| expr(p, line)),
            Expr::Number(_) | Expr::Path(_) => {}
        }
    }
    match statement {
        Stmt::Eval(e) | Stmt::Return(Some(e), _) => expr(e, line),
        Stmt::Block(all) => all.iter_mut().for_each(|s| relocate(s, line)),
        Stmt::If(condition, a, b, at) => {
            condition.iter_mut().for_each(|e| expr(e, line));
            relocate(a, line);
            relocate(b, line);
            *at = line;
        }
        Stmt::Loop(condition, body, step, _) => {
            condition.iter_mut().chain(step).for_each(|e| expr(e, line));
            relocate(body, line);
        }
        Stmt::Switch(e, body) => {
            expr(e, line);
            relocate(body, line);
        }
        _ => {}
    }
}

impl Reader<'_> {
    fn of(&self, node: Node<'_>) -> &str {
        &self.text[node.byte_range()]
    }

    fn line(&self, node: Node<'_>) -> usize {
        node.start_position().row + 1
    }

    fn items(&self, node: Node<'_>, symbols: &mut Vec<Symbol>, macros: &mut Vec<(String, String, usize)>) {
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            match child.kind() {
                "function_definition" => symbols.extend(self.function(child)),
                "declaration" => self.variables(child, symbols),
                "preproc_def" | "preproc_function_def" => {
                    let (name, value) = (child.child_by_field_name("name"), child.child_by_field_name("value"));
                    if let (Some(name), Some(value)) = (name, value) {
                        macros.push((self.of(name).into(), self.of(value).into(), self.line(child)));
                    }
                }
                "preproc_ifdef"
                | "preproc_if"
                | "preproc_else"
                | "preproc_elif"
                | "linkage_specification"
                | "declaration_list"
                | "ERROR" => self.items(child, symbols, macros),
                _ => {}
            }
        }
    }

    fn is_static(&self, node: Node<'_>) -> bool {
        let mut cursor = node.walk();
        let found = node.children(&mut cursor).any(|c| c.kind() == "storage_class_specifier" && self.of(c) == "static");
        found
    }

    fn take(&self, name: &str, kind: Kind, node: Node<'_>, body: Option<Stmt>) -> Symbol {
        let mut names = self.names.take();
        names.remove(name);
        Symbol {
            name: name.into(),
            kind,
            local: self.is_static(node),
            class: String::new(),
            line: self.line(node),
            names,
            members: self.members.take(),
            body,
            pointer: node.child_by_field_name("declarator").is_some_and(|d| d.kind() == "pointer_declarator"),
            unparsed: self.unparsed.take(),
        }
    }

    fn function(&self, node: Node<'_>) -> Option<Symbol> {
        let name = declared(node.child_by_field_name("declarator")?)?;
        self.names.take();
        self.members.take();
        self.unparsed.take();
        let body = self.statement(node.child_by_field_name("body")?);
        Some(self.take(self.of(name), Kind::Function, node, Some(body)))
    }

    fn variables(&self, node: Node<'_>, symbols: &mut Vec<Symbol>) {
        let mut cursor = node.walk();
        for child in node.children_by_field_name("declarator", &mut cursor) {
            if child.kind() != "init_declarator" {
                continue;
            }
            let (Some(declarator), Some(value)) = (child.child_by_field_name("declarator"), child.child_by_field_name("value"))
            else {
                continue;
            };
            let Some(name) = declared(declarator) else {
                continue;
            };
            self.names.take();
            self.members.take();
            self.expression(value);
            let mut symbol = self.take(self.of(name), Kind::Variable, node, None);
            symbol.class =
                node.child_by_field_name("type").map(|t| self.of(t).trim_start_matches("struct ").to_string()).unwrap_or_default();
            symbols.push(symbol);
        }
    }

    fn statements(&self, node: Node<'_>) -> Vec<Stmt> {
        let mut cursor = node.walk();
        let children: Vec<_> = node.named_children(&mut cursor).collect();
        let mut all = Vec::new();
        let mut at = 0;
        while at < children.len() {
            let child = children[at];
            at += 1;
            // `for_each_thing(...) statement`: a call without its semicolon.
            if child.kind() == "expression_statement" && lacks_semicolon(child) && at < children.len() {
                let head = self.statement(child);
                let body = self.statement(children[at]);
                at += 1;
                let once = self.of(child).contains("guard");
                all.push(head);
                all.push(if once { body } else { Stmt::Loop(None, Box::new(body), None, true) });
                continue;
            }
            all.push(self.statement(child));
        }
        all
    }

    fn body(&self, node: Option<Node<'_>>) -> Box<Stmt> {
        Box::new(node.map_or(Stmt::Block(Vec::new()), |n| self.statement(n)))
    }

    fn statement(&self, node: Node<'_>) -> Stmt {
        let field = |name| node.child_by_field_name(name);
        let expr = |name| field(name).map(|n| self.expression(n));
        match node.kind() {
            "expression_statement" => match node.named_child(0) {
                Some(inner) => Stmt::Eval(self.expression(inner)),
                None => Stmt::Block(Vec::new()),
            },
            "if_statement" => {
                Stmt::If(expr("condition"), self.body(field("consequence")), self.body(field("alternative")), self.line(node))
            }
            "else_clause" => Stmt::Block(self.statements(node)),
            "while_statement" => Stmt::Loop(expr("condition"), self.body(field("body")), None, false),
            "do_statement" => {
                let condition = field("condition");
                // `do { } while (0)` is a block.
                let never = condition.is_some_and(|c| self.of(c) == "(0)");
                let body = self.body(field("body"));
                let condition = condition.map(|c| self.expression(c));
                if never {
                    *body
                } else {
                    Stmt::Loop(condition, body, None, true)
                }
            }
            "for_statement" => {
                let first = match field("initializer") {
                    Some(n) if n.kind() == "declaration" => self.statement(n),
                    Some(n) => Stmt::Eval(self.expression(n)),
                    None => Stmt::Block(Vec::new()),
                };
                let rest = Stmt::Loop(expr("condition"), self.body(field("body")), expr("update"), false);
                Stmt::Block(vec![first, rest])
            }
            "switch_statement" => {
                let condition = expr("condition").unwrap_or(Expr::Parts(Vec::new()));
                Stmt::Switch(condition, self.body(field("body")))
            }
            "case_statement" => {
                let mut all = vec![Stmt::Case];
                let mut cursor = node.walk();
                let value = field("value").map(|n| n.id());
                for child in node.named_children(&mut cursor).filter(|c| Some(c.id()) != value) {
                    all.push(self.statement(child));
                }
                Stmt::Block(all)
            }
            "return_statement" => Stmt::Return(node.named_child(0).map(|n| self.expression(n)), self.line(node)),
            "goto_statement" => {
                let label = field("label").map_or("", |n| self.of(n));
                Stmt::Goto(label.into(), self.line(node))
            }
            "labeled_statement" => {
                let label = field("label").map_or("", |n| self.of(n));
                let mut all = vec![Stmt::Label(label.into())];
                let mut cursor = node.walk();
                for child in node.named_children(&mut cursor).skip(1) {
                    all.push(self.statement(child));
                }
                Stmt::Block(all)
            }
            "break_statement" => Stmt::Break,
            "continue_statement" => Stmt::Continue,
            "declaration" => {
                let mut all = Vec::new();
                let mut cursor = node.walk();
                for child in node.children_by_field_name("declarator", &mut cursor) {
                    if let Some(value) = child.child_by_field_name("value") {
                        let name = child.child_by_field_name("declarator").and_then(declared);
                        let value = Box::new(self.expression(value));
                        all.push(Stmt::Eval(match name {
                            Some(name) => Expr::Assign(self.of(name).into(), value),
                            None => Expr::Parts(vec![*value]),
                        }));
                    }
                }
                Stmt::Block(all)
            }
            "preproc_ifdef" | "preproc_if" | "preproc_elif" | "preproc_else" | "preproc_elifdef" => {
                let alternative = field("alternative");
                let mut cursor = node.walk();
                let skip = [field("name"), field("condition"), alternative].map(|n| n.map(|n| n.id()));
                let children: Vec<_> = node.named_children(&mut cursor).filter(|c| !skip.contains(&Some(c.id()))).collect();
                let own = Stmt::Block(children.into_iter().map(|c| self.statement(c)).collect());
                match alternative {
                    Some(other) => Stmt::If(None, Box::new(own), Box::new(self.statement(other)), self.line(node)),
                    None => own,
                }
            }
            "ERROR" => {
                self.unparsed.borrow_mut().get_or_insert(self.line(node));
                Stmt::Block(self.statements(node))
            }
            "compound_statement" => Stmt::Block(self.statements(node)),
            "comment" | "type_definition" | "preproc_def" | "preproc_function_def" | "preproc_call" => Stmt::Block(Vec::new()),
            kind if kind.ends_with("_expression") || kind == "identifier" => Stmt::Eval(self.expression(node)),
            _ => Stmt::Block(self.statements(node)),
        }
    }

    fn expression(&self, node: Node<'_>) -> Expr {
        let field = |name| node.child_by_field_name(name);
        let boxed = |name| Box::new(field(name).map_or(Expr::Parts(Vec::new()), |n| self.expression(n)));
        match node.kind() {
            "identifier" => {
                let name: Name = self.of(node).into();
                self.names.borrow_mut().insert(name.clone());
                Expr::Path(name)
            }
            "number_literal" => {
                let text = self.of(node);
                Expr::Number(i8::from(!matches!(text, "0" | "0x0" | "0UL" | "0L")))
            }
            "null" | "false" => Expr::Number(0),
            "true" | "string_literal" | "char_literal" | "concatenated_string" => Expr::Number(1),
            "parenthesized_expression" => node.named_child(0).map_or(Expr::Parts(Vec::new()), |n| self.expression(n)),
            "field_expression" => {
                // The members in between are not names of functions, and the variable at the root is not a value.
                boxed("argument");
                Expr::Path(self.of(node).into())
            }
            "call_expression" => {
                let function = field("function");
                let arguments = field("arguments");
                let mut cursor = node.walk();
                let nodes: Vec<_> = arguments
                    .map(|a| a.named_children(&mut cursor).filter(|c| c.kind() != "comment").collect())
                    .unwrap_or_default();
                let texts: Vec<_> = nodes.iter().map(|n| self.of(*n).to_string()).collect();
                let mut arguments: Vec<_> = nodes.iter().map(|n| self.expression(*n)).collect();
                let (name, member) = match function {
                    Some(f) if f.kind() == "identifier" => {
                        self.expression(f);
                        (self.of(f), false)
                    }
                    Some(f) if f.kind() == "field_expression" => {
                        self.expression(f);
                        (f.child_by_field_name("field").map_or("", |n| self.of(n)), true)
                    }
                    Some(f) => {
                        arguments.push(self.expression(f));
                        ("", false)
                    }
                    None => ("", false),
                };
                match (name, arguments.len()) {
                    ("likely" | "unlikely" | "READ_ONCE", 1) => arguments.remove(0),
                    ("WARN_ON" | "WARN_ON_ONCE", 1) => arguments.remove(0),
                    ("IS_ERR" | "IS_ERR_OR_NULL", 1) => {
                        let value = Box::new(arguments.remove(0));
                        Expr::Binary("<", value, Box::new(Expr::Number(0)))
                    }
                    ("PTR_ERR" | "ERR_CAST" | "ERR_PTR", 1) => Expr::Number(-1),
                    ("PTR_ERR_OR_ZERO", 1) => {
                        let value = Box::new(arguments.remove(0));
                        let failed = Expr::Binary("<", value, Box::new(Expr::Number(0)));
                        Expr::Choice(Box::new(failed), Box::new(Expr::Number(-1)), Box::new(Expr::Number(0)))
                    }
                    _ => Expr::Call(Rc::new(Call { name: name.into(), member, arguments, texts, line: self.line(node) })),
                }
            }
            "assignment_expression" => {
                let left = field("left");
                let operator = field("operator").map_or("=", |n| self.of(n));
                let value = self.expression_at(field("right"));
                let Some(left) = left else {
                    return Expr::Parts(vec![value]);
                };
                self.expression(left);
                if left.kind() == "field_expression" {
                    if let (Some(member), Some(name)) = (left.child_by_field_name("field"), pointed(&value)) {
                        self.members.borrow_mut().push((self.of(member).into(), name));
                    }
                }
                let target: Name = self.of(left).into();
                if operator == "=" {
                    Expr::Assign(target, Box::new(value))
                } else {
                    Expr::Assign(target, Box::new(Expr::Parts(vec![value])))
                }
            }
            "update_expression" => {
                let target: Name = field("argument").map_or("", |n| self.of(n)).into();
                boxed("argument");
                Expr::Assign(target, Box::new(Expr::Parts(Vec::new())))
            }
            "unary_expression" => {
                let operator = field("operator").map_or("", |n| self.of(n));
                let value = boxed("argument");
                match (operator, &*value) {
                    ("!", _) => Expr::Not(value),
                    ("-", Expr::Number(n)) => Expr::Number(-n),
                    // `-EINVAL`
                    ("-", Expr::Path(name)) if name.starts_with('E') => Expr::Number(-1),
                    _ => Expr::Parts(vec![*value]),
                }
            }
            "pointer_expression" => {
                let value = boxed("argument");
                match &*value {
                    Expr::Path(_) if self.of(node).starts_with('&') => *value,
                    _ => Expr::Parts(vec![*value]),
                }
            }
            "cast_expression" => *boxed("value"),
            "binary_expression" => {
                let operator = match field("operator").map_or("", |n| self.of(n)) {
                    "<" => "<",
                    ">" => ">",
                    "<=" => "<=",
                    ">=" => ">=",
                    "==" => "==",
                    "!=" => "!=",
                    "&&" => "&&",
                    "||" => "||",
                    _ => "?",
                };
                Expr::Binary(operator, boxed("left"), boxed("right"))
            }
            "conditional_expression" => Expr::Choice(boxed("condition"), boxed("consequence"), boxed("alternative")),
            "initializer_pair" => {
                let value = self.expression_at(field("value"));
                let designator = field("designator").and_then(|d| d.named_child(0));
                if let (Some(member), Some(name)) = (designator, pointed(&value)) {
                    self.members.borrow_mut().push((self.of(member).into(), name));
                }
                if let Some(index) = field("designator") {
                    self.expression(index);
                }
                Expr::Parts(vec![value])
            }
            "comma_expression" => {
                let left = self.expression_at(field("left"));
                Expr::Parts(vec![left, self.expression_at(field("right"))])
            }
            // A statement expression.
            "compound_statement" => {
                let mut parts = Vec::new();
                flatten(&self.statement(node), &mut parts);
                Expr::Parts(parts)
            }
            "sizeof_expression" => Expr::Number(1),
            _ => {
                let mut cursor = node.walk();
                let parts = node.named_children(&mut cursor).map(|n| self.expression(n)).collect();
                Expr::Parts(parts)
            }
        }
    }

    fn expression_at(&self, node: Option<Node<'_>>) -> Expr {
        node.map_or(Expr::Parts(Vec::new()), |n| self.expression(n))
    }
}

fn flatten(statement: &Stmt, parts: &mut Vec<Expr>) {
    match statement {
        Stmt::Eval(e) | Stmt::Return(Some(e), _) => parts.push(e.clone()),
        Stmt::Block(all) => all.iter().for_each(|s| flatten(s, parts)),
        Stmt::If(c, a, b, _) => {
            parts.extend(c.clone());
            flatten(a, parts);
            flatten(b, parts);
        }
        Stmt::Loop(c, body, step, _) => {
            parts.extend(c.clone());
            flatten(body, parts);
            parts.extend(step.clone());
        }
        Stmt::Switch(e, body) => {
            parts.push(e.clone());
            flatten(body, parts);
        }
        _ => {}
    }
}

/// The name a table or an assignment puts into a member.
fn pointed(value: &Expr) -> Option<Name> {
    match value {
        Expr::Path(name) if name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) => Some(name.clone()),
        Expr::Parts(parts) if parts.len() == 1 => pointed(&parts[0]),
        // PTR_IF(), pm_ptr() and the like
        Expr::Call(call) if !call.member => call.arguments.last().and_then(pointed),
        _ => None,
    }
}

/// The identifier in a declarator.
fn declared(node: Node<'_>) -> Option<Node<'_>> {
    if node.kind() == "identifier" {
        return Some(node);
    }
    let inner = node.child_by_field_name("declarator").or_else(|| node.named_child(0))?;
    declared(inner)
}

fn lacks_semicolon(node: Node<'_>) -> bool {
    let mut cursor = node.walk();
    let found = node.children(&mut cursor).any(|c| c.is_missing());
    found
}
