# For login shells, as terminals are: /etc/profile has just set PATH anew.
PATH=/opt/jupyter/bin:$HOME/.local/bin:$PATH
# Packages in the home are for people, see the Containerfile.
unset PYTHONNOUSERSITE
