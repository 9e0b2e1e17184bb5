"""`python -m virtual_kubelet`."""

from virtual_kubelet.cli import main

if __name__ == "__main__":
    main()
