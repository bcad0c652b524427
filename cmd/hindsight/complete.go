package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hindsight-go/hindsight/analyze/rule"
	"github.com/spf13/pflag"
)

// shellScripts writes the completion of each shell from the table of commands.
var shellScripts = []struct {
	name  string
	write func(b *strings.Builder)
}{{"bash", bashScript}, {"zsh", zshScript}, {"fish", fishScript}}

func shells() (names []string) {
	for _, s := range shellScripts {
		names = append(names, s.name)
	}
	return names
}

func commandNames() (names []string) {
	for _, c := range commands {
		names = append(names, c.name)
	}
	return names
}

func ruleIDs() (ids []string) {
	for _, r := range rule.All {
		ids = append(ids, r.ID())
	}
	return ids
}

func runCompletion(a *app, args []string) (int, error) {
	if len(args) == 1 {
		for _, s := range shellScripts {
			if s.name == args[0] {
				var b strings.Builder
				s.write(&b)
				_, err := io.WriteString(a.stdout, b.String())
				return exitClean, err
			}
		}
	}
	return 0, usage("completion needs a shell: %s", strings.Join(shells(), ", "))
}

// eachFlag visits the flags of a command in the order of its help.
func (c *command) eachFlag(visit func(f *pflag.Flag)) {
	c.flagSet(new(options)).VisitAll(visit)
}

// bashScript completes by the words before the cursor. "=" is a word of its own
// in bash.
func bashScript(b *strings.Builder) {
	b.WriteString(`# bash completion for hindsight
_hindsight() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=
	if [[ $word == "=" ]]; then
		word=
	elif [[ $before == "=" ]]; then
		before=${COMP_WORDS[COMP_CWORD-2]}
	fi
	if ((COMP_CWORD == 1)); then
`)
	fmt.Fprintf(b, "\t\twords=%q\n\telse\n\t\tcase ${COMP_WORDS[1]}:$before in\n", strings.Join(commandNames(), " "))
	for _, c := range commands {
		c.eachFlag(func(f *pflag.Flag) {
			if values := flagValues(c, f.Name); values != nil {
				fmt.Fprintf(b, "\t\t%s:--%s) words=%q ;;\n", c.name, f.Name, strings.Join(values, " "))
			} else if f.NoOptDefVal == "" {
				fmt.Fprintf(b, "\t\t%s:--%s) ;;\n", c.name, f.Name)
			}
		})
		var words []string
		if c.words != nil {
			words = c.words()
		}
		c.eachFlag(func(f *pflag.Flag) { words = append(words, "--"+f.Name) })
		fmt.Fprintf(b, "\t\t%s:*) words=%q ;;\n", c.name, strings.Join(words, " "))
	}
	b.WriteString(`		esac
	fi
	COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _hindsight hindsight
`)
}

func zshScript(b *strings.Builder) {
	b.WriteString("#compdef hindsight\n# zsh completion for hindsight\n_hindsight() {\n\tlocal -a commands=(\n")
	for _, c := range commands {
		fmt.Fprintf(b, "\t\t%s\n", shellQuote(c.name+":"+c.short))
	}
	b.WriteString("\t)\n\tif ((CURRENT == 2)); then\n\t\t_describe command commands\n\t\treturn\n\tfi\n\tcase $words[2] in\n")
	for _, c := range commands {
		fmt.Fprintf(b, "\t%s)\n\t\t_arguments", c.name)
		c.eachFlag(func(f *pflag.Flag) {
			hint, text := pflag.UnquoteUsage(f)
			spec := "--" + f.Name
			if f.NoOptDefVal == "" {
				spec += "="
			}
			spec += "[" + strings.NewReplacer("[", "(", "]", ")", ":", " ").Replace(text) + "]"
			if values := flagValues(c, f.Name); values != nil {
				spec += ":" + hint + ":(" + strings.Join(values, " ") + ")"
			} else if f.NoOptDefVal == "" {
				spec += ":" + strings.ReplaceAll(hint, ":", " ") + ":_files"
			}
			b.WriteString(" \\\n\t\t\t" + shellQuote(spec))
		})
		argument := "*:file:_files"
		if c.words != nil {
			argument = "*:word:(" + strings.Join(c.words(), " ") + ")"
		}
		b.WriteString(" \\\n\t\t\t" + shellQuote(argument) + " ;;\n")
	}
	b.WriteString("\tesac\n}\nif [[ $funcstack[1] == _hindsight ]]; then\n\t_hindsight\nelse\n\t(($+functions[compdef])) || { autoload -U compinit && compinit -i }\n\tcompdef _hindsight hindsight\nfi\n")
}

func fishScript(b *strings.Builder) {
	b.WriteString("# fish completion for hindsight\n")
	for _, c := range commands {
		fmt.Fprintf(b, "complete -c hindsight -n __fish_use_subcommand -f -a %s -d %s\n", c.name, shellQuote(c.short))
		seen := "-n " + shellQuote("__fish_seen_subcommand_from "+c.name)
		if c.words != nil {
			fmt.Fprintf(b, "complete -c hindsight %s -f -a %s\n", seen, shellQuote(strings.Join(c.words(), " ")))
		}
		c.eachFlag(func(f *pflag.Flag) {
			_, text := pflag.UnquoteUsage(f)
			fmt.Fprintf(b, "complete -c hindsight %s -l %s -d %s", seen, f.Name, shellQuote(text))
			if values := flagValues(c, f.Name); values != nil {
				fmt.Fprintf(b, " -x -a %s", shellQuote(strings.Join(values, " ")))
			} else if f.NoOptDefVal == "" {
				b.WriteString(" -r")
			}
			b.WriteByte('\n')
		})
	}
}

// shellQuote makes one word of s, in any of the shells.
func shellQuote(s string) string {
	if !slices.Contains([]byte(s), '\'') {
		return "'" + s + "'"
	}
	return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'"
}
